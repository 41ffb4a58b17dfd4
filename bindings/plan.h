#pragma once

#include <napi.h>

namespace dnd::bindings {

/// Calls of src/engine/native.ts: `planDecoder`, `planTraining`, `planCudaDecoder`, `planCudaEncoder`,
/// `cudaDeviceModels`, `cudaDeviceModelOf`.
Napi::Value plan_decoder(const Napi::CallbackInfo& info);
Napi::Value plan_training(const Napi::CallbackInfo& info);
Napi::Value plan_cuda_decoder(const Napi::CallbackInfo& info);
Napi::Value plan_cuda_encoder(const Napi::CallbackInfo& info);
Napi::Value cuda_device_model_of(const Napi::CallbackInfo& info);
Napi::Value cuda_device_models(const Napi::CallbackInfo& info);

}  // namespace dnd::bindings
