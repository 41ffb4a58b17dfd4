#pragma once

#include "model/training/trainer.h"
#include "model_handle.h"

namespace dnd::bindings {

/// `TrainerHandle` of src/engine/native-training.ts.
class TrainerHandle : public ModelHandle<TrainerHandle, Trainer> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit TrainerHandle(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override { release_model(env); }

 private:
  friend class ModelHandle<TrainerHandle, Trainer>;

  Napi::Value initialise(const Napi::CallbackInfo& info);
  Napi::Value memory(const Napi::CallbackInfo& info);
  Napi::Value accumulate(const Napi::CallbackInfo& info);
  Napi::Value update(const Napi::CallbackInfo& info);
  void reset_gradient(const Napi::CallbackInfo& info);
  Napi::Value read_gradient(const Napi::CallbackInfo& info);
  Napi::Value forward(const Napi::CallbackInfo& info);
  Napi::Value step(const Napi::CallbackInfo& info);
  void set_step(const Napi::CallbackInfo& info);
  Napi::Value states(const Napi::CallbackInfo& info);
  Napi::Value state_bytes(const Napi::CallbackInfo& info);
  Napi::Value read_state(const Napi::CallbackInfo& info);
  void write_state(const Napi::CallbackInfo& info);

  struct Bytes {
    std::string name;
    int64_t offset;
  };
  /// Bytes [byteOffset, + count) of a state, from the first two arguments; checks the range, and that no job runs.
  Bytes bytes_of_state(const Napi::CallbackInfo& info, const char* function, int64_t count) const;
};

}  // namespace dnd::bindings
