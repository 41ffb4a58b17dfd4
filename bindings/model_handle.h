#pragma once

#include <napi.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "background_job.h"
#include "core/float_conversion.h"
#include "core/status.h"
#include "environment.h"
#include "failure.h"
#include "model/parameters.h"

namespace dnd::bindings {

/// Common base of model handles: chunked parameter access, a serial queue of jobs, disposal. Jobs share ownership of
/// the model, so a handle may be disposed of or collected while one runs.
template <class Handle, class Model>
class ModelHandle : public Napi::ObjectWrap<Handle> {
 public:
  using PropertyDescriptor = typename Napi::ObjectWrap<Handle>::PropertyDescriptor;

  explicit ModelHandle(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<Handle>(info), environment_(Environment::of(info.Env())) {}

 protected:
  static std::vector<PropertyDescriptor> store_properties() {
    return {
        Handle::InstanceMethod("parameters", &Handle::parameters),
        Handle::InstanceAccessor("parameterBytes", &Handle::parameter_bytes, nullptr),
        Handle::InstanceMethod("writeParameter", &Handle::write_parameter),
        Handle::InstanceMethod("readParameter", &Handle::read_parameter),
        Handle::InstanceMethod("prepare", &Handle::prepare),
        Handle::InstanceMethod("deviceMemory", &Handle::device_memory),
        Handle::InstanceMethod("dispose", &Handle::dispose),
    };
  }

  /// Takes ownership of a new model and reports its memory to V8: parameters plus `other_bytes`. `mapped_bytes`: of
  /// files, which take as long to give back.
  void take_ownership(Napi::Env env, std::shared_ptr<Model> model, int64_t other_bytes = 0, int64_t mapped_bytes = 0) {
    model_ = std::move(model);
    mapped_bytes_ = mapped_bytes;
    parameter_bytes_ = model_->parameter_bytes();
    bytes_ = parameter_bytes_ + other_bytes;
    Napi::MemoryManagement::AdjustExternalMemory(env, bytes_);
  }

  const std::shared_ptr<Model>& model() const {
    if (!model_) throw Error(ErrorCode::kInvalidArgument, "the handle has been disposed");
    return model_;
  }

  /// The model, for a query to its device. Unless it uses host memory, a device must not be queried while a job runs.
  const std::shared_ptr<Model>& idle_model(const char* function) const {
    if (!model()->in_host_memory()) require_no_job(function);
    return model();
  }

  /// Guards state that only jobs may access while there are any.
  void require_no_job(const char* function) const {
    if (queue_->empty()) return;
    throw Error(ErrorCode::kInvalidArgument, std::string(function) +
                                                 ": the handle has a running job; wait for it, or call this before "
                                                 "it starts");
  }

  /// Drops the reference to the model; the last job that shares it frees it.
  void release_model(Napi::Env env) {
    if (!model_) return;
    Napi::MemoryManagement::AdjustExternalMemory(env, -bytes_);
    environment_->release(std::move(model_), bytes_ + mapped_bytes_);
  }

  /// What `work` made of a file that changed meanwhile is not a result, and neither is its failure.
  Napi::Value submit(JobWork work, const Argument& done, const std::vector<Napi::Value>& inputs = {}) {
    JobWork checked = [work = std::move(work), model = model()](Job& job) -> JobResult {
      try {
        JobResult result = work(job);
        model->require_unchanged();
        return result;
      } catch (...) {
        if (!job.cancelled()) model->require_unchanged();
        throw;
      }
    };
    return environment_->submit(std::move(checked), queue_, done.function(), inputs);
  }

  struct Elements {
    std::string name;
    int64_t offset;
  };

  /// Elements [elementOffset, + count) of a parameter, from the first two arguments; checks the range, and that no job
  /// is running.
  Elements elements(const Napi::CallbackInfo& info, const char* function, int64_t count) const {
    const Argument name(info, 0, function, "name");
    const std::string requested = name.text();
    const Argument offset(info, 1, function, "elementOffset");
    const int64_t first = offset.integer(0);
    require_no_job(function);
    for (const ParameterInfo& parameter : model()->parameters()) {
      if (parameter.name != requested) continue;
      offset.require_within(first, count, parameter.elements(), "elements", requested);
      return {requested, first};
    }
    name.refuse("the name of a parameter of this model");
  }

  static Napi::ArrayBuffer copy_of(Napi::Env env, const void* source, int64_t bytes) {
    Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(env, size_t(bytes));
    if (bytes > 0) std::memcpy(copy.Data(), source, size_t(bytes));
    return copy;
  }

 private:
  Napi::Value parameters(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      const std::vector<ParameterInfo>& parameters = model()->parameters();
      Napi::Array list = Napi::Array::New(info.Env(), parameters.size());
      for (size_t i = 0; i < parameters.size(); ++i) {
        const std::vector<int64_t>& sizes = parameters[i].shape;
        Napi::Array shape = Napi::Array::New(info.Env(), sizes.size());
        for (size_t axis = 0; axis < sizes.size(); ++axis) shape.Set(uint32_t(axis), double(sizes[axis]));
        Napi::Object entry = Napi::Object::New(info.Env());
        entry.Set("name", parameters[i].name);
        entry.Set("shape", shape);
        list.Set(uint32_t(i), entry);
      }
      return list;
    });
  }

  Napi::Value parameter_bytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), double(parameter_bytes_));
  }

  Napi::Value write_parameter(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      const Slice values = Argument(info, 2, "writeParameter", "bytes").slice();
      const Argument dtype_name(info, 3, "writeParameter", "dtype");
      constexpr FloatType kTypes[] = {FloatType::kF32, FloatType::kF16, FloatType::kBF16, FloatType::kF64};
      const FloatType dtype = kTypes[dtype_name.choice({"F32", "F16", "BF16", "F64"})];
      const int64_t count = values.bytes / bytes_of(dtype);
      if (values.bytes % bytes_of(dtype) != 0) {
        Argument(info, 2, "writeParameter", "bytes")
            .refuse("whole elements of " + dtype_name.text(), std::to_string(values.bytes) + " bytes");
      }
      const Elements range = elements(info, "writeParameter", count);
      float* destination = model()->parameter(range.name) + range.offset;
      const int64_t found = convert_to_float32(dtype, values.data, count, destination);
      return Napi::Number::New(info.Env(), found < 0 ? -1.0 : double(range.offset + found));
    });
  }

  Napi::Value read_parameter(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      const int64_t count = Argument(info, 2, "readParameter", "elementCount").integer(0);
      const Elements range = elements(info, "readParameter", count);
      if constexpr (requires(const Model& of) { of.store(); }) {
        const ParameterStore& store = std::as_const(*model()).store();
        const auto [data, type] = store.stored(store.index_of(range.name));
        Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(info.Env(), size_t(count) * sizeof(float));
        const auto* const source = static_cast<const char*>(data) + range.offset * bytes_of(type);
        convert_to_float32(type, source, count, static_cast<float*>(copy.Data()));
        return copy;
      } else {
        const float* source = std::as_const(*model()).parameter(range.name) + range.offset;
        return copy_of(info.Env(), source, count * int64_t{sizeof(float)});
      }
    });
  }

  Napi::Value prepare(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      JobWork work = [model = model()](Job& job) -> JobResult {
        model->prepare(job);
        return {};
      };
      return submit(std::move(work), Argument(info, 0, "prepare", "done"));
    });
  }

  Napi::Value device_memory(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      const DeviceMemory memory = idle_model("deviceMemory")->device_memory();
      Napi::Object result = Napi::Object::New(info.Env());
      result.Set("heldBytes", double(memory.used));
      result.Set("roomBytes", double(memory.available));
      return result;
    });
  }

  void dispose(const Napi::CallbackInfo& info) {
    const JobQueue pending = *queue_;  // cancelling changes the queue
    for (auto job = pending.rbegin(); job != pending.rend(); ++job) environment_->cancel(**job);
    release_model(info.Env());
  }

  std::shared_ptr<Environment> environment_;
  std::shared_ptr<JobQueue> queue_ = std::make_shared<JobQueue>();
  std::shared_ptr<Model> model_;
  int64_t parameter_bytes_ = 0;
  int64_t bytes_ = 0;  ///< as reported to V8
  int64_t mapped_bytes_ = 0;
};

}  // namespace dnd::bindings
