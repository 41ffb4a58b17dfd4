#include "causal_handle.h"

#include "causal_arguments.h"
#include "device_arguments.h"
#include "fields.h"
#include "model/language/training/adapter_gradients.h"

namespace dnd::bindings {
namespace {

/// Marks the objects that are CausalHandles, so that no other object is taken for one.
constexpr napi_type_tag kCausalHandle = {0x6f1d5a3c9b8e4f27, 0xa94c2be07d3186f5};

}  // namespace

Napi::Function CausalHandle::define(Napi::Env env) {
  std::vector<PropertyDescriptor> properties = mappable_properties();
  properties.push_back(InstanceMethod("initialise", &CausalHandle::initialise));
  properties.push_back(InstanceMethod("workspaceBytes", &CausalHandle::workspace_bytes));
  properties.push_back(InstanceMethod("generationBytes", &CausalHandle::generation_bytes));
  properties.push_back(InstanceMethod("hiddenStates", &CausalHandle::hidden_states));
  properties.push_back(InstanceMethod("logits", &CausalHandle::logits));
  properties.push_back(InstanceMethod("logLikelihoods", &CausalHandle::log_likelihoods));
  properties.push_back(InstanceMethod("generate", &CausalHandle::generate));
  properties.push_back(InstanceMethod("gradientMemory", &CausalHandle::gradient_memory));
  properties.push_back(InstanceMethod("adapterGradients", &CausalHandle::adapter_gradients));
  return DefineClass(env, "CausalHandle", properties);
}

CausalHandle::CausalHandle(const Napi::CallbackInfo& info) : MappableHandle(info) {
  guarded(info.Env(), [&] {
    const Argument options(info, 0, "CausalHandle", "options");
    const CausalConfig config = read_causal_config(options);
    const DeviceChoice device = read_device(options);
    const auto make = [config, device](MappedParameters mapped) {
      return std::make_shared<CausalLanguageModel>(config, device, std::move(mapped));
    };
    take_model(info.Env(), make, device.options.threads);
    info.This().As<Napi::Object>().TypeTag(&kCausalHandle);
  });
}

std::shared_ptr<CausalModel> CausalHandle::shared_model(const Argument& handle) {
  return Unwrap(handle.tagged_object(&kCausalHandle, "a CausalHandle"))->model()->model();
}

Napi::Value CausalHandle::initialise(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const uint64_t seed = uint64_t(Argument(info, 0, "initialise", "seed").integer(0));
    const double deviation = Argument(info, 1, "initialise", "standardDeviation").not_negative_number();
    JobWork work = [model = model(), seed, deviation](Job& job) -> JobResult {
      model->initialise(seed, deviation, job);
      return {};
    };
    return submit(std::move(work), Argument(info, 2, "initialise", "done"));
  });
}

Napi::Value CausalHandle::workspace_bytes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    CausalInput input = read_causal_batch(Argument(info, 0, "workspaceBytes", "batch"), model()->config());
    const Argument labels(info, 1, "workspaceBytes", "labels");
    if (!labels.is_null()) read_labels(labels, input);
    return Napi::Number::New(info.Env(), double(model()->workspace_bytes(input.batch, input.labels)));
  });
}

Napi::Value CausalHandle::generation_bytes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const CausalInput input = read_causal_batch(Argument(info, 0, "generationBytes", "batch"), model()->config());
    const int64_t most = Argument(info, 1, "generationBytes", "maxNewTokens").integer(1);
    return Napi::Number::New(info.Env(), double(model()->generation_bytes(input.batch, most)));
  });
}

Napi::Value CausalHandle::hidden_states(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    CausalInput input = read_causal_batch(Argument(info, 0, "hiddenStates", "batch"), model()->config());
    const int64_t layer = Argument(info, 1, "hiddenStates", "layer").integer(1, model()->config().layers);
    const int64_t bytes = tensor_bytes({input.batch.tokens(), model()->config().hidden_size});
    JobWork work = [model = model(), batch = std::move(input.batch), layer, bytes](Job& job) -> JobResult {
      FloatResult states(bytes);
      model->hidden_states(batch, layer, states.data(), job);
      return states;
    };
    return submit(std::move(work), Argument(info, 2, "hiddenStates", "done"), input.buffers);
  });
}

Napi::Value CausalHandle::logits(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    CausalInput input = read_causal_batch(Argument(info, 0, "logits", "batch"), model()->config());
    const int64_t bytes = tensor_bytes({input.batch.tokens(), model()->config().vocab_size});
    JobWork work = [model = model(), batch = std::move(input.batch), bytes](Job& job) -> JobResult {
      FloatResult logits(bytes);
      model->logits(batch, logits.data(), job);
      return logits;
    };
    return submit(std::move(work), Argument(info, 1, "logits", "done"), input.buffers);
  });
}

Napi::Value CausalHandle::log_likelihoods(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    CausalInput input = read_causal_batch(Argument(info, 0, "logLikelihoods", "batch"), model()->config());
    read_labels(Argument(info, 1, "logLikelihoods", "labels"), input);
    JobWork work = [model = model(), batch = std::move(input.batch), labels = input.labels](Job& job) -> JobResult {
      return model->log_likelihoods(batch, labels, job);
    };
    return submit(std::move(work), Argument(info, 2, "logLikelihoods", "done"), input.buffers);
  });
}

Napi::Value CausalHandle::generate(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    CausalInput input = read_causal_batch(Argument(info, 0, "generate", "batch"), model()->config());
    GenerationSettings settings = read_generation_settings(Argument(info, 1, "generate", "settings"));
    JobWork work = [model = model(), batch = std::move(input.batch),
                    settings = std::move(settings)](Job& job) -> JobResult {
      return model->generate(batch, settings, job);
    };
    return submit(std::move(work), Argument(info, 2, "generate", "done"), input.buffers);
  });
}

Napi::Value CausalHandle::gradient_memory(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    CausalInput input = read_causal_batch(Argument(info, 0, "gradientMemory", "batch"), model()->config());
    read_labels(Argument(info, 1, "gradientMemory", "labels"), input);
    const int64_t limit = Argument(info, 2, "gradientMemory", "limitBytes").integer(0);
    const CausalPassMemory memory = adapter_gradient_memory(model()->runtime(), input.batch, input.labels, limit);
    return Fields(info.Env())
        .set("activations", memory.activations)
        .set("savedLayers", memory.saved_layers)
        .object();
  });
}

Napi::Value CausalHandle::adapter_gradients(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const Argument batch_argument(info, 0, "adapterGradients", "batch");
    CausalInput input = read_causal_batch(batch_argument, model()->config());
    if (!input.batch.lora) batch_argument.field("lora").refuse("adapters");
    read_labels(Argument(info, 1, "adapterGradients", "labels"), input);
    const double weight = Argument(info, 2, "adapterGradients", "weight").number();
    const int64_t limit = Argument(info, 3, "adapterGradients", "limitBytes").integer(0);
    JobWork work = [model = model(), batch = std::move(input.batch), labels = input.labels, weight,
                    limit](Job& job) -> JobResult {
      AdapterGradientResult result;
      std::vector<float*> places;
      for (size_t i = 0; i < batch.lora->adapters.size(); ++i) {
        result.gradients.emplace_back(batch.lora->layout->elements() * int64_t{sizeof(float)});
        places.push_back(result.gradients.back().data());
      }
      result.likelihoods = dnd::adapter_gradients(model->runtime(), batch, labels, weight, places, job, limit);
      return result;
    };
    return submit(std::move(work), Argument(info, 4, "adapterGradients", "done"), input.buffers);
  });
}

}  // namespace dnd::bindings
