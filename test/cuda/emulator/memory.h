#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

/// Memory of the emulated devices, and page-locked memory of the host. All of it is poison until it is written, has
/// guard zones on both sides, and is kept for a while as poison after its release. Under the runtime's lock.

namespace dnd::cuda::emulator {

/// On this device, or page-locked for kHost; 256-byte aligned.
inline constexpr int kHost = -1;
void* allocate_memory(int device, size_t bytes);

/// False where `memory` is not the beginning of a live allocation of this kind. `problem` becomes what was found wrong
/// with it, if anything.
bool release_memory(bool host, void* memory, std::string& problem);

/// Whether all of these bytes are in one live allocation of a device.
bool inside_allocation(const void* pointer, size_t bytes);
/// Whether any of them is device memory.
bool touches_allocation(const void* pointer, size_t bytes);

/// What was written where nothing may be written, "" where nothing was. `after` says what ran last.
std::string check_guards(const std::string& after);
/// As above, of released memory; reads all of it.
std::string check_released(const std::string& after);

int64_t live_bytes(int device);
int64_t live_device_bytes();

void reset_memory();

}  // namespace dnd::cuda::emulator
