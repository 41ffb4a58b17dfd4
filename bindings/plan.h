#pragma once

#include <napi.h>

namespace dnd::bindings {

/// `planDecoder` of src/engine/native.ts.
Napi::Value plan_decoder(const Napi::CallbackInfo& info);

}  // namespace dnd::bindings
