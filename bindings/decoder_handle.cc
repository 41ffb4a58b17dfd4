#include "decoder_handle.h"

#include "adapter_layout.h"
#include "decoder_arguments.h"
#include "device_arguments.h"
#include "forward_call.h"

namespace dnd::bindings {
Napi::Function DecoderHandle::define(Napi::Env env) {
  std::vector<PropertyDescriptor> properties = mappable_properties();
  properties.push_back(InstanceMethod("workspaceBytes", &DecoderHandle::workspace_bytes));
  properties.push_back(InstanceMethod("initialise", &DecoderHandle::initialise));
  properties.push_back(InstanceMethod("initialValues", &DecoderHandle::initial_values));
  properties.push_back(InstanceMethod("forward", &DecoderHandle::forward));
  properties.push_back(InstanceMethod("adapters", &DecoderHandle::adapters));
  properties.push_back(InstanceMethod("project", &DecoderHandle::project));
  return DefineClass(env, "DecoderHandle", properties);
}

DecoderHandle::DecoderHandle(const Napi::CallbackInfo& info) : MappableHandle(info) {
  guarded(info.Env(), [&] {
    const Argument options(info, 0, "DecoderHandle", "options");
    const DecoderConfig config = read_decoder_config(options);
    const DeviceChoice device = read_device(options);
    const auto make = [config, device](MappedParameters mapped) {
      return std::make_shared<Decoder>(config, device, std::move(mapped));
    };
    take_model(info.Env(), make, device.options.threads);
  });
}

Napi::Value DecoderHandle::workspace_bytes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const int64_t batch = Argument(info, 0, "workspaceBytes", "batch").integer(1);
    const int64_t limit = Argument(info, 1, "workspaceBytes", "limitBytes").integer(0);
    const int64_t adapter_elements = Argument(info, 2, "workspaceBytes", "restoredElements").integer(0);
    const int64_t bytes = idle_model("workspaceBytes")->workspace_bytes(batch, limit, adapter_elements);
    return Napi::Number::New(info.Env(), double(bytes));
  });
}

Napi::Value DecoderHandle::initialise(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const uint64_t seed = uint64_t(Argument(info, 0, "initialise", "seed").integer(0));
    JobWork work = [model = model(), seed](Job& job) -> JobResult {
      model->initialise(seed, job);
      return {};
    };
    return submit(std::move(work), Argument(info, 1, "initialise", "done"));
  });
}

Napi::Value DecoderHandle::initial_values(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const uint64_t seed = uint64_t(Argument(info, 0, "initialValues", "seed").integer(0));
    const std::string name = Argument(info, 1, "initialValues", "name").text();
    const Argument offset(info, 2, "initialValues", "elementOffset");
    const Argument into(info, 3, "initialValues", "into");
    const Slice values = into.slice();
    const ParameterStore& store = model()->store();
    const int64_t begin = offset.integer(0), count = values.bytes / int64_t{sizeof(float)};
    if (begin % 4 != 0) offset.refuse("a multiple of 4");
    const bool aligned = reinterpret_cast<uintptr_t>(values.data) % sizeof(float) == 0;
    if (!aligned || values.bytes % int64_t{sizeof(float)} != 0) into.refuse("aligned, whole elements of float32");
    offset.require_within(begin, count, store.infos()[store.index_of(name)].elements(), "elements", name);
    auto* const to = reinterpret_cast<float*>(const_cast<uint8_t*>(values.data));
    JobWork work = [model = model(), seed, name, begin, count, to](Job& job) -> JobResult {
      model->initial_values(seed, name, begin, count, to, job);
      return {};
    };
    return submit(std::move(work), Argument(info, 4, "initialValues", "done"), {values.buffer});
  });
}

Napi::Value DecoderHandle::forward(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    ForwardCall call = read_forward_call(info, model(), model()->config());
    return submit(std::move(call.work), Argument(info, 3, "forward", "done"), {call.condition.buffer});
  });
}

Napi::Value DecoderHandle::adapters(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const int64_t batch = Argument(info, 1, "adapters", "batch").integer(1);
    const Slice condition = read_condition(Argument(info, 0, "adapters", "condition"), model()->config(), batch);
    std::vector<Napi::Value> inputs = {condition.buffer};
    const AdapterLayout layout(Argument(info, 2, "adapters", "layout"), inputs);
    const int64_t limit = Argument(info, 3, "adapters", "limitBytes").integer(0);
    const int64_t result_bytes = tensor_bytes({layout.view().elements});
    const auto* values = reinterpret_cast<const float*>(condition.data);
    JobWork work = [model = model(), values, batch, layout, limit, result_bytes](Job& job) -> JobResult {
      std::vector<FloatResult> adapters;
      std::vector<float*> outputs;
      for (int64_t task = 0; task < batch; ++task) outputs.push_back(adapters.emplace_back(result_bytes).data());
      model->adapters(values, batch, layout.view(), outputs.data(), job, limit, layout.residual());
      return adapters;
    };
    return submit(std::move(work), Argument(info, 4, "adapters", "done"), inputs);
  });
}

Napi::Value DecoderHandle::project(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const DecoderConfig& config = model()->config();
    const Feature first = config.features.front();
    if (config.projected_from == 0) throw Error(ErrorCode::kInvalidArgument, "project: the decoder has no projection");
    const int64_t batch = Argument(info, 1, "project", "batch").integer(1);
    const Slice condition = Argument(info, 0, "project", "condition")
                                .tensor("float32", {batch, first.tokens, config.projected_from, first.width});
    const int64_t result_bytes = tensor_bytes({batch, first.tokens, first.height, first.width});
    const auto* values = reinterpret_cast<const float*>(condition.data);
    JobWork work = [model = model(), values, batch, result_bytes](Job& job) -> JobResult {
      FloatResult projected(result_bytes);
      model->project(values, batch, projected.data(), job);
      return projected;
    };
    return submit(std::move(work), Argument(info, 2, "project", "done"), {condition.buffer});
  });
}

}  // namespace dnd::bindings
