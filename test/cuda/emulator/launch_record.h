#pragma once

#include <cstddef>

namespace dnd::cuda::emulator {

/// Remembers how a kernel is launched. Where DND_EMULATOR_LAUNCHES names a file, each process adds a line of JSON for
/// every kernel to it when it ends: the file that the kernel's code is in, where in it, the launch's name, its
/// threads and its most shared memory. scripts/inspect-machine-code.cjs computes occupancy from these.
void record_launch(const void* kernel, const char* name, unsigned block, size_t shared_bytes);

}  // namespace dnd::cuda::emulator
