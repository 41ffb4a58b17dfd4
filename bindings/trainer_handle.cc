#include "trainer_handle.h"

#include "decoder_arguments.h"
#include "device_arguments.h"
#include "fields.h"
#include "forward_call.h"
#include "trainer_arguments.h"

namespace dnd::bindings {

Napi::Function TrainerHandle::define(Napi::Env env) {
  std::vector<PropertyDescriptor> properties = training_properties();
  properties.push_back(InstanceMethod("initialise", &TrainerHandle::initialise));
  properties.push_back(InstanceMethod("memory", &TrainerHandle::memory));
  properties.push_back(InstanceMethod("accumulate", &TrainerHandle::accumulate));
  properties.push_back(InstanceMethod("forward", &TrainerHandle::forward));
  return DefineClass(env, "TrainerHandle", properties);
}

TrainerHandle::TrainerHandle(const Napi::CallbackInfo& info) : TrainingHandle(info) {
  guarded(info.Env(), [&] {
    const Argument options(info, 0, "TrainerHandle", "options");
    auto trainer = std::make_shared<Trainer>(read_trainer_config(options), read_device(options));
    const int64_t gradients_and_states = trainer->parameter_bytes() + trainer->state_bytes();
    take_ownership(info.Env(), std::move(trainer), gradients_and_states);
  });
}

Napi::Value TrainerHandle::initialise(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const uint64_t seed = uint64_t(Argument(info, 0, "initialise", "seed").integer(0));
    JobWork work = [model = model(), seed](Job& job) -> JobResult {
      model->decoder().initialise(seed, job);
      return {};
    };
    return submit(std::move(work), Argument(info, 1, "initialise", "done"));
  });
}

Napi::Value TrainerHandle::memory(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const int64_t batch = Argument(info, 0, "memory", "batch").integer(1);
    const int64_t limit = Argument(info, 1, "memory", "limitBytes").integer(0);
    const bool output_gradient = Argument(info, 2, "memory", "outputGradient").boolean();
    const TrainingMemory memory = idle_model("memory")->memory(batch, limit, output_gradient);
    return Fields(info.Env())
        .set("parameters", memory.parameters)
        .set("gradients", memory.gradients)
        .set("states", memory.states)
        .set("activations", memory.activations)
        .set("keptLayers", memory.saved_layers)
        .set("convolutionLimit", memory.convolution_limit)
        .object();
  });
}

Napi::Value TrainerHandle::accumulate(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const TrainingTasks tasks = read_tasks(Argument(info, 0, "accumulate", "batch"), model()->config().decoder);
    const int64_t limit = Argument(info, 1, "accumulate", "limitBytes").integer(0);
    JobWork work = [model = model(), batch = tasks.batch, limit](Job& job) -> JobResult {
      std::vector<DndTokenSums> sums(size_t(batch.batch));
      model->accumulate(batch, sums.data(), job, limit);
      return sums;
    };
    return submit(std::move(work), Argument(info, 2, "accumulate", "done"), tasks.buffers);
  });
}

Napi::Value TrainerHandle::forward(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    ForwardCall call = read_forward_call(info, model(), model()->config().decoder);
    return submit(std::move(call.work), Argument(info, 3, "forward", "done"), {call.condition.buffer});
  });
}

}  // namespace dnd::bindings
