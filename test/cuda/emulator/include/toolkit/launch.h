#pragma once

/// The launch of cuda/toolkit/launch.h on the emulated device.

#include <cstddef>
#include <functional>
#include <type_traits>

#include "cuda/runtime/index.h"
#include "cuda/runtime/runtime.h"
#include "test/cuda/emulator/launch_record.h"

namespace dnd::cuda {

namespace runtime {
/// `thread` runs one thread of the kernel.
void launch_kernel(Stream stream, const char* name, std::function<void()> thread, Index3 grid, unsigned block,
                   size_t shared_bytes);
}  // namespace runtime

template <typename Arguments>
void launch(runtime::Stream stream, const char* name, void (*kernel)(Arguments), Index3 grid, unsigned block,
            size_t shared_bytes, const Arguments& arguments) {
  static_assert(std::is_trivially_copyable_v<Arguments> && sizeof(Arguments) <= 4096);
  emulator::record_launch(reinterpret_cast<const void*>(kernel), name, block, shared_bytes);
  runtime::launch_kernel(stream, name, [kernel, arguments] { kernel(arguments); }, grid, block, shared_bytes);
}

}  // namespace dnd::cuda
