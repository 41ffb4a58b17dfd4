#pragma once

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "fields.h"
#include "model/training/optimiser_options.h"
#include "model_handle.h"

namespace dnd::bindings {

/// A ModelHandle of a model in training: what every trainer's optimiser offers to JavaScript.
template <class Handle, class Model>
class TrainingHandle : public ModelHandle<Handle, Model> {
 public:
  using typename ModelHandle<Handle, Model>::PropertyDescriptor;
  using ModelHandle<Handle, Model>::ModelHandle;

 protected:
  static std::vector<PropertyDescriptor> training_properties() {
    std::vector<PropertyDescriptor> properties = Handle::store_properties();
    properties.push_back(Handle::InstanceMethod("update", &Handle::update));
    properties.push_back(Handle::InstanceMethod("resetGradient", &Handle::reset_gradient));
    properties.push_back(Handle::InstanceMethod("readGradient", &Handle::read_gradient));
    properties.push_back(Handle::InstanceMethod("step", &Handle::step));
    properties.push_back(Handle::InstanceMethod("setStep", &Handle::set_step));
    properties.push_back(Handle::InstanceMethod("states", &Handle::states));
    properties.push_back(Handle::InstanceAccessor("stateBytes", &Handle::state_bytes, nullptr));
    properties.push_back(Handle::InstanceMethod("readState", &Handle::read_state));
    properties.push_back(Handle::InstanceMethod("writeState", &Handle::write_state));
    return properties;
  }

 private:
  Napi::Value update(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      const double learning_rate = Argument(info, 0, "update", "learningRate").not_negative_number();
      JobWork work = [model = this->model(), learning_rate](Job& job) -> JobResult {
        return model->update(learning_rate, job);
      };
      return this->submit(std::move(work), Argument(info, 1, "update", "done"));
    });
  }

  void reset_gradient(const Napi::CallbackInfo& info) {
    guarded(info.Env(), [&] {
      this->require_no_job("resetGradient");
      this->model()->reset_gradient();
    });
  }

  Napi::Value read_gradient(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      const int64_t count = Argument(info, 2, "readGradient", "elementCount").integer(0);
      const auto range = this->elements(info, "readGradient", count);
      const float* source = this->model()->gradient(range.name) + range.offset;
      return this->copy_of(info.Env(), source, count * int64_t{sizeof(float)});
    });
  }

  Napi::Value step(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      this->require_no_job("step");
      return Napi::Number::New(info.Env(), double(this->model()->step()));
    });
  }

  void set_step(const Napi::CallbackInfo& info) {
    guarded(info.Env(), [&] {
      const int64_t step = Argument(info, 0, "setStep", "step").integer(0);
      this->require_no_job("setStep");
      this->model()->set_step(step);
    });
  }

  Napi::Value states(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      const std::vector<StateInfo>& states = this->model()->states();
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

  Napi::Value state_bytes(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] { return Napi::Number::New(info.Env(), double(this->model()->state_bytes())); });
  }

  Napi::Value read_state(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      const int64_t count = Argument(info, 2, "readState", "byteCount").integer(0);
      const Bytes range = bytes_of_state(info, "readState", count);
      const void* state = this->model()->state(range.name);
      return this->copy_of(info.Env(), static_cast<const uint8_t*>(state) + range.offset, count);
    });
  }

  void write_state(const Napi::CallbackInfo& info) {
    guarded(info.Env(), [&] {
      const Slice values = Argument(info, 2, "writeState", "bytes").slice();
      const Bytes range = bytes_of_state(info, "writeState", values.bytes);
      auto* state = static_cast<uint8_t*>(this->model()->state(range.name));
      if (values.bytes > 0) std::memcpy(state + range.offset, values.data, size_t(values.bytes));
    });
  }

  struct Bytes {
    std::string name;
    int64_t offset;
  };

  /// Bytes [byteOffset, + count) of a state, from the first two arguments; checks the range, and that no job runs.
  Bytes bytes_of_state(const Napi::CallbackInfo& info, const char* function, int64_t count) const {
    const Argument name(info, 0, function, "name");
    const std::string requested = name.text();
    const Argument offset(info, 1, function, "byteOffset");
    const int64_t first = offset.integer(0);
    this->require_no_job(function);
    for (const StateInfo& state : this->model()->states()) {
      if (state.name != requested) continue;
      offset.require_within(first, count, state.bytes(), "bytes", requested);
      return {requested, first};
    }
    name.refuse("the name of a state of this optimiser");
  }
};

}  // namespace dnd::bindings
