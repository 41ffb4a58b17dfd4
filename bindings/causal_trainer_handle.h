#pragma once

#include "model/language/training/trainer.h"
#include "training_handle.h"

namespace dnd::bindings {

/// `CausalTrainerHandle` of src/engine/native-language.ts.
class CausalTrainerHandle : public TrainingHandle<CausalTrainerHandle, CausalTrainer> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit CausalTrainerHandle(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override { release_model(env); }

 private:
  friend class ModelHandle<CausalTrainerHandle, CausalTrainer>;
  friend class TrainingHandle<CausalTrainerHandle, CausalTrainer>;

  Napi::Value initialise(const Napi::CallbackInfo& info);
  Napi::Value memory(const Napi::CallbackInfo& info);
  Napi::Value accumulate(const Napi::CallbackInfo& info);
};

}  // namespace dnd::bindings
