#include <napi.h>

#include "causal_handle.h"
#include "causal_trainer_handle.h"
#include "decoder_handle.h"
#include "device_info.h"
#include "encoder_handle.h"
#include "environment.h"
#include "machine.h"
#include "plan.h"
#include "process_signals.h"
#include "reconstruct.h"
#include "trainer_handle.h"

namespace dnd::bindings {
namespace {

Napi::Object export_all(Napi::Env env, Napi::Object exports) {
  Environment::create(env);
  exports.Set("DecoderHandle", DecoderHandle::define(env));
  exports.Set("EncoderHandle", EncoderHandle::define(env));
  exports.Set("TrainerHandle", TrainerHandle::define(env));
  exports.Set("CausalHandle", CausalHandle::define(env));
  exports.Set("CausalTrainerHandle", CausalTrainerHandle::define(env));
  exports.Set("deviceInfo", Napi::Function::New(env, device_info, "deviceInfo"));
  exports.Set("tryDevice", Napi::Function::New(env, try_device, "tryDevice"));
  exports.Set("restoreAdapters", Napi::Function::New(env, reconstruct_adapters, "restoreAdapters"));
  exports.Set("endAtSecondSignal", Napi::Function::New(env, end_at_second_signal, "endAtSecondSignal"));
  exports.Set("cpuInfo", Napi::Function::New(env, cpu_info, "cpuInfo"));
  exports.Set("measureGemm", Napi::Function::New(env, measure_gemm, "measureGemm"));
  exports.Set("measureCopy", Napi::Function::New(env, measure_copy, "measureCopy"));
  exports.Set("measureConvolution", Napi::Function::New(env, measure_convolution, "measureConvolution"));
  exports.Set("planDecoder", Napi::Function::New(env, plan_decoder, "planDecoder"));
  exports.Set("planTraining", Napi::Function::New(env, plan_training, "planTraining"));
  exports.Set("planCudaDecoder", Napi::Function::New(env, plan_cuda_decoder, "planCudaDecoder"));
  exports.Set("planCudaEncoder", Napi::Function::New(env, plan_cuda_encoder, "planCudaEncoder"));
  exports.Set("cudaDeviceModelOf", Napi::Function::New(env, cuda_device_model_of, "cudaDeviceModelOf"));
  exports.Set("cudaDeviceModels", Napi::Function::New(env, cuda_device_models, "cudaDeviceModels"));
  return exports;
}

}  // namespace
}  // namespace dnd::bindings

static Napi::Object initialise(Napi::Env env, Napi::Object exports) { return dnd::bindings::export_all(env, exports); }

NODE_API_MODULE(dnd_lora, initialise)
