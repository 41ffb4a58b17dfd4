#pragma once

/// How a kernel is launched. The emulator has a header of the same name with the same `launch`.

#include <cstddef>
#include <type_traits>

#include "cuda/runtime/index.h"
#include "cuda/runtime/runtime.h"

namespace dnd::cuda {

namespace runtime {
/// `kernel` is the address by which CUDA's runtime knows it.
void launch_kernel(Stream stream, const char* name, const void* kernel, void* arguments, Index3 grid, unsigned block,
                   size_t shared_bytes);
}  // namespace runtime

/// Queues a kernel: `grid` blocks of `block` threads, each block with `shared_bytes` of shared memory. `name` appears
/// in errors and must outlive the stream's work.
template <typename Arguments>
void launch(runtime::Stream stream, const char* name, void (*kernel)(Arguments), Index3 grid, unsigned block,
            size_t shared_bytes, const Arguments& arguments) {
  static_assert(std::is_trivially_copyable_v<Arguments> && sizeof(Arguments) <= 4096);
  Arguments copy = arguments;
  runtime::launch_kernel(stream, name, reinterpret_cast<const void*>(kernel), &copy, grid, block, shared_bytes);
}

}  // namespace dnd::cuda
