#pragma once

#include "model/decoder.h"
#include "mappable_handle.h"

namespace dnd::bindings {

/// `DecoderHandle` of src/engine/native.ts.
class DecoderHandle : public MappableHandle<DecoderHandle, Decoder> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit DecoderHandle(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override { release_model(env); }

 private:
  friend class ModelHandle<DecoderHandle, Decoder>;
  friend class MappableHandle<DecoderHandle, Decoder>;

  Napi::Value workspace_bytes(const Napi::CallbackInfo& info);
  Napi::Value initialise(const Napi::CallbackInfo& info);
  Napi::Value initial_values(const Napi::CallbackInfo& info);
  Napi::Value forward(const Napi::CallbackInfo& info);
  Napi::Value adapters(const Napi::CallbackInfo& info);
  Napi::Value project(const Napi::CallbackInfo& info);
};

}  // namespace dnd::bindings
