#pragma once

#include "model/language/language_model.h"
#include "mappable_handle.h"

namespace dnd::bindings {

/// `CausalHandle` of src/engine/native-language.ts.
class CausalHandle : public MappableHandle<CausalHandle, CausalLanguageModel> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit CausalHandle(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override { release_model(env); }

  /// The parameters of a handle given to a function of JavaScript. Error(kInvalidArgument) for anything else.
  static std::shared_ptr<CausalModel> shared_model(const Argument& handle);

 private:
  friend class ModelHandle<CausalHandle, CausalLanguageModel>;
  friend class MappableHandle<CausalHandle, CausalLanguageModel>;

  Napi::Value initialise(const Napi::CallbackInfo& info);
  Napi::Value workspace_bytes(const Napi::CallbackInfo& info);
  Napi::Value generation_bytes(const Napi::CallbackInfo& info);
  Napi::Value hidden_states(const Napi::CallbackInfo& info);
  Napi::Value logits(const Napi::CallbackInfo& info);
  Napi::Value log_likelihoods(const Napi::CallbackInfo& info);
  Napi::Value generate(const Napi::CallbackInfo& info);
  Napi::Value gradient_memory(const Napi::CallbackInfo& info);
  Napi::Value adapter_gradients(const Napi::CallbackInfo& info);
};

}  // namespace dnd::bindings
