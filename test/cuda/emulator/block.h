#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "cuda/runtime/index.h"

namespace dnd::cuda::emulator {

struct Kernel {
  const char* name;
  std::function<void()> thread;  ///< runs one thread, which finds its place in `position`
  Index3 grid;
  unsigned block;
  size_t shared_bytes;
};

/// Runs the kernel's blocks one after another, in an order drawn from `seed`. Returns what went wrong, "" where nothing
/// did; what is left of the kernel then does not run.
std::string run_kernel(const Kernel& kernel, uint64_t seed);

/// For device functions, within a thread of a kernel.

/// Ends the kernel with this sentence, as printf makes it; its kernel, block and thread are added. Throws what only the
/// block itself catches.
[[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));

/// Waits until all 32 lanes of the warp are at the same `operation`; then `complete` sees the operands of every lane
/// once, and all continue. `operation` is compared by its address.
void join_warp(const char* operation, void* operands, void (*complete)(void* const* operands));

/// Whether the bytes are in the block's shared memory.
bool inside_shared(const void* pointer, size_t bytes);

}  // namespace dnd::cuda::emulator
