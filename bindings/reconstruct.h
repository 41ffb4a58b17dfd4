#pragma once

#include <napi.h>

namespace dnd::bindings {

/// `restoreAdapters` of src/engine/native.ts.
Napi::Value reconstruct_adapters(const Napi::CallbackInfo& info);

}  // namespace dnd::bindings
