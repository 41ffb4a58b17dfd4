#pragma once

#include "model/text_encoder.h"
#include "mappable_handle.h"

namespace dnd::bindings {

/// `EncoderHandle` of src/engine/native.ts.
class EncoderHandle : public MappableHandle<EncoderHandle, TextEncoder> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit EncoderHandle(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override { release_model(env); }

 private:
  friend class ModelHandle<EncoderHandle, TextEncoder>;
  friend class MappableHandle<EncoderHandle, TextEncoder>;

  Napi::Value workspace_bytes(const Napi::CallbackInfo& info);
  Napi::Value encode(const Napi::CallbackInfo& info);
};

}  // namespace dnd::bindings
