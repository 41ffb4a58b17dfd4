#include "causal_trainer_handle.h"

#include "causal_arguments.h"
#include "causal_handle.h"
#include "device_arguments.h"

namespace dnd::bindings {

Napi::Function CausalTrainerHandle::define(Napi::Env env) {
  std::vector<PropertyDescriptor> properties = training_properties();
  properties.push_back(InstanceMethod("initialise", &CausalTrainerHandle::initialise));
  properties.push_back(InstanceMethod("memory", &CausalTrainerHandle::memory));
  properties.push_back(InstanceMethod("accumulate", &CausalTrainerHandle::accumulate));
  return DefineClass(env, "CausalTrainerHandle", properties);
}

CausalTrainerHandle::CausalTrainerHandle(const Napi::CallbackInfo& info) : TrainingHandle(info) {
  guarded(info.Env(), [&] {
    const std::shared_ptr<CausalModel> shared =
        CausalHandle::shared_model(Argument(info, 0, "CausalTrainerHandle", "model"));
    const Argument options(info, 1, "CausalTrainerHandle", "options");
    auto trainer =
        std::make_shared<CausalTrainer>(shared, read_causal_trainer_config(options), read_device(options));
    const int64_t gradients_and_states = trainer->parameter_bytes() + trainer->state_bytes();
    take_ownership(info.Env(), std::move(trainer), gradients_and_states);
  });
}

Napi::Value CausalTrainerHandle::initialise(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const uint64_t seed = uint64_t(Argument(info, 0, "initialise", "seed").integer(0));
    JobWork work = [model = model(), seed](Job& job) -> JobResult {
      model->initialise(seed, job);
      return {};
    };
    return submit(std::move(work), Argument(info, 1, "initialise", "done"));
  });
}

Napi::Value CausalTrainerHandle::memory(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    CausalInput input = read_causal_batch(Argument(info, 0, "memory", "batch"), model()->config());
    read_labels(Argument(info, 1, "memory", "labels"), input);
    const int64_t limit = Argument(info, 2, "memory", "limitBytes").integer(0);
    const CausalTrainingMemory memory = model()->memory(input.batch, input.labels, limit);
    return Fields(info.Env())
        .set("parameters", memory.parameters)
        .set("gradients", memory.gradients)
        .set("states", memory.states)
        .set("activations", memory.activations)
        .set("savedLayers", memory.saved_layers)
        .object();
  });
}

Napi::Value CausalTrainerHandle::accumulate(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    CausalInput input = read_causal_batch(Argument(info, 0, "accumulate", "batch"), model()->config());
    read_labels(Argument(info, 1, "accumulate", "labels"), input);
    const double weight = Argument(info, 2, "accumulate", "weight").number();
    const int64_t limit = Argument(info, 3, "accumulate", "limitBytes").integer(0);
    JobWork work = [model = model(), batch = std::move(input.batch), labels = input.labels, weight,
                    limit](Job& job) -> JobResult { return model->accumulate(batch, labels, weight, job, limit); };
    return submit(std::move(work), Argument(info, 4, "accumulate", "done"), input.buffers);
  });
}

}  // namespace dnd::bindings
