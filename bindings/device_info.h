#pragma once

#include <napi.h>

namespace dnd::bindings {

/// `deviceInfo` and `tryDevice` of src/engine/native.ts.
Napi::Value device_info(const Napi::CallbackInfo& info);
Napi::Value try_device(const Napi::CallbackInfo& info);

}  // namespace dnd::bindings
