#pragma once

#include <cstddef>
#include <type_traits>

#include "cuda/device/index.h"
#include "cuda/host/runtime.h"

#ifdef DND_CUDA_EMULATED
#include <functional>

#include "test/cuda/emulator/launch_record.h"
#endif

namespace dnd::cuda {

namespace runtime {
#ifdef DND_CUDA_EMULATED
/// `thread` runs one thread of the kernel.
void launch_kernel(Stream stream, const char* name, std::function<void()> thread, Index3 grid, unsigned block,
                   size_t shared_bytes);
#else
/// `kernel` is the address by which CUDA's runtime knows it.
void launch_kernel(Stream stream, const char* name, const void* kernel, void* arguments, Index3 grid, unsigned block,
                   size_t shared_bytes);
#endif
}  // namespace runtime

/// Queues a kernel: `grid` blocks of `block` threads, each block with `shared_bytes` of shared memory. `name` appears
/// in errors and must outlive the stream's work.
template <typename Arguments>
void launch(runtime::Stream stream, const char* name, void (*kernel)(Arguments), Index3 grid, unsigned block,
            size_t shared_bytes, const Arguments& arguments) {
  static_assert(std::is_trivially_copyable_v<Arguments> && sizeof(Arguments) <= 4096);
#ifdef DND_CUDA_EMULATED
  emulator::record_launch(reinterpret_cast<const void*>(kernel), name, block, shared_bytes);
  runtime::launch_kernel(
      stream, name, [kernel, arguments] { kernel(arguments); }, grid, block, shared_bytes);
#else
  Arguments copy = arguments;
  runtime::launch_kernel(stream, name, reinterpret_cast<const void*>(kernel), &copy, grid, block, shared_bytes);
#endif
}

}  // namespace dnd::cuda
