#pragma once

#include <memory>

#include "cuda/runtime/runtime.h"

/// What the runtime makes, destroyed with the object that holds it.
namespace dnd::cuda {

struct DestroyHandle {
  template <typename Handle>
  void operator()(Handle* handle) const noexcept {
    runtime::destroy(handle);
  }
};
using StreamHandle = std::unique_ptr<runtime::OpaqueStream, DestroyHandle>;
using EventHandle = std::unique_ptr<runtime::OpaqueEvent, DestroyHandle>;
using GraphHandle = std::unique_ptr<runtime::OpaqueGraph, DestroyHandle>;

}  // namespace dnd::cuda
