#pragma once

#include <napi.h>

namespace dnd::bindings {

/// `cpuInfo`, `measureGemm`, `measureCopy` and `measureConvolution` of src/engine/native.ts.
Napi::Value cpu_info(const Napi::CallbackInfo& info);
Napi::Value measure_gemm(const Napi::CallbackInfo& info);
Napi::Value measure_copy(const Napi::CallbackInfo& info);
Napi::Value measure_convolution(const Napi::CallbackInfo& info);

}  // namespace dnd::bindings
