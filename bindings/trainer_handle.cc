#include "trainer_handle.h"

#include "decoder_arguments.h"
#include "device_arguments.h"
#include "fields.h"
#include "forward_call.h"
#include "trainer_arguments.h"

namespace dnd::bindings {

Napi::Function TrainerHandle::define(Napi::Env env) {
  std::vector<PropertyDescriptor> properties = store_properties();
  properties.push_back(InstanceMethod("initialise", &TrainerHandle::initialise));
  properties.push_back(InstanceMethod("memory", &TrainerHandle::memory));
  properties.push_back(InstanceMethod("accumulate", &TrainerHandle::accumulate));
  properties.push_back(InstanceMethod("update", &TrainerHandle::update));
  properties.push_back(InstanceMethod("resetGradient", &TrainerHandle::reset_gradient));
  properties.push_back(InstanceMethod("readGradient", &TrainerHandle::read_gradient));
  properties.push_back(InstanceMethod("forward", &TrainerHandle::forward));
  properties.push_back(InstanceMethod("step", &TrainerHandle::step));
  properties.push_back(InstanceMethod("setStep", &TrainerHandle::set_step));
  properties.push_back(InstanceMethod("states", &TrainerHandle::states));
  properties.push_back(InstanceAccessor("stateBytes", &TrainerHandle::state_bytes, nullptr));
  properties.push_back(InstanceMethod("readState", &TrainerHandle::read_state));
  properties.push_back(InstanceMethod("writeState", &TrainerHandle::write_state));
  return DefineClass(env, "TrainerHandle", properties);
}

TrainerHandle::TrainerHandle(const Napi::CallbackInfo& info) : ModelHandle(info) {
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
    const TrainingMemory memory = idle_model("memory")->memory(batch, limit);
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

Napi::Value TrainerHandle::update(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const double learning_rate = Argument(info, 0, "update", "learningRate").not_negative_number();
    JobWork work = [model = model(), learning_rate](Job& job) -> JobResult {
      return model->update(learning_rate, job);
    };
    return submit(std::move(work), Argument(info, 1, "update", "done"));
  });
}

void TrainerHandle::reset_gradient(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    require_no_job("resetGradient");
    model()->reset_gradient();
  });
}

Napi::Value TrainerHandle::read_gradient(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const int64_t count = Argument(info, 2, "readGradient", "elementCount").integer(0);
    const Elements range = elements(info, "readGradient", count);
    const float* source = std::as_const(*model()).gradient(range.name) + range.offset;
    return copy_of(info.Env(), source, count * int64_t{sizeof(float)});
  });
}

Napi::Value TrainerHandle::forward(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    ForwardCall call = read_forward_call(info, model(), model()->config().decoder);
    return submit(std::move(call.work), Argument(info, 3, "forward", "done"), {call.condition.buffer});
  });
}

Napi::Value TrainerHandle::step(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    require_no_job("step");
    return Napi::Number::New(info.Env(), double(model()->step()));
  });
}

void TrainerHandle::set_step(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    const int64_t step = Argument(info, 0, "setStep", "step").integer(0);
    require_no_job("setStep");
    model()->set_step(step);
  });
}

Napi::Value TrainerHandle::states(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const std::vector<StateInfo>& states = model()->states();
    Napi::Array list = Napi::Array::New(info.Env(), states.size());
    for (size_t i = 0; i < states.size(); ++i) {
      list.Set(uint32_t(i), Fields(info.Env())
                                .set("name", states[i].name)
                                .set("dtype", states[i].type == StateInfo::Type::kFloat32 ? "F32" : "U8")
                                .set("elements", states[i].elements)
                                .object());
    }
    return list;
  });
}

Napi::Value TrainerHandle::state_bytes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return Napi::Number::New(info.Env(), double(model()->state_bytes())); });
}

Napi::Value TrainerHandle::read_state(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const int64_t count = Argument(info, 2, "readState", "byteCount").integer(0);
    const Bytes range = bytes_of_state(info, "readState", count);
    const void* state = std::as_const(*model()).state(range.name);
    return copy_of(info.Env(), static_cast<const uint8_t*>(state) + range.offset, count);
  });
}

void TrainerHandle::write_state(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    const Slice values = Argument(info, 2, "writeState", "bytes").slice();
    const Bytes range = bytes_of_state(info, "writeState", values.bytes);
    auto* state = static_cast<uint8_t*>(model()->state(range.name));
    if (values.bytes > 0) std::memcpy(state + range.offset, values.data, size_t(values.bytes));
  });
}

TrainerHandle::Bytes TrainerHandle::bytes_of_state(const Napi::CallbackInfo& info, const char* function,
                                                   int64_t count) const {
  const Argument name(info, 0, function, "name");
  const std::string requested = name.text();
  const Argument offset(info, 1, function, "byteOffset");
  const int64_t first = offset.integer(0);
  require_no_job(function);
  for (const StateInfo& state : model()->states()) {
    if (state.name != requested) continue;
    offset.require_within(first, count, state.bytes(), "bytes", requested);
    return {requested, first};
  }
  name.refuse("the name of a state of this optimiser");
}

}  // namespace dnd::bindings
