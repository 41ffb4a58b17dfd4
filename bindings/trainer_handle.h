#pragma once

#include "model/training/trainer.h"
#include "training_handle.h"

namespace dnd::bindings {

/// `TrainerHandle` of src/engine/native-training.ts.
class TrainerHandle : public TrainingHandle<TrainerHandle, Trainer> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit TrainerHandle(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override { release_model(env); }

 private:
  friend class ModelHandle<TrainerHandle, Trainer>;
  friend class TrainingHandle<TrainerHandle, Trainer>;

  Napi::Value initialise(const Napi::CallbackInfo& info);
  Napi::Value memory(const Napi::CallbackInfo& info);
  Napi::Value accumulate(const Napi::CallbackInfo& info);
  Napi::Value forward(const Napi::CallbackInfo& info);
};

}  // namespace dnd::bindings
