#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/mapped_file.h"
#include "model/mapped_parameters.h"
#include "model_handle.h"

namespace dnd::bindings {

/// A ModelHandle of a model whose parameters can be in mapped files.
template <class Handle, class Model>
class MappableHandle : public ModelHandle<Handle, Model> {
 public:
  using typename ModelHandle<Handle, Model>::PropertyDescriptor;
  using ModelHandle<Handle, Model>::ModelHandle;

 protected:
  /// The model, with parameters where they are mapped. Constructing one touches no memory of parameters.
  using MakeModel = std::function<std::shared_ptr<Model>(MappedParameters)>;

  static std::vector<PropertyDescriptor> mappable_properties() {
    std::vector<PropertyDescriptor> properties = Handle::store_properties();
    properties.push_back(Handle::InstanceMethod("mapParameters", &Handle::map_parameters));
    properties.push_back(Handle::InstanceMethod("checkMapped", &Handle::check_mapped));
    return properties;
  }

  /// @param threads of `checkMapped`
  void take_model(Napi::Env env, MakeModel make, int threads) {
    make_ = std::move(make);
    threads_ = threads;
    take_model(env, MappedParameters{});
  }

 private:
  void take_model(Napi::Env env, MappedParameters places) {
    std::shared_ptr<Model> model = make_(std::move(places));
    const int64_t mapped_bytes = model->store().mapped_bytes();
    this->take_ownership(env, std::move(model), 0, mapped_bytes);
  }

  Napi::Value map_parameters(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      this->require_no_job("mapParameters");
      this->model();
      std::vector<std::shared_ptr<const MappedFile>> files;
      for (const Argument& file : Argument(info, 0, "mapParameters", "files").items()) {
        const auto descriptor = static_cast<int>(file.field("descriptor").integer(0, std::numeric_limits<int>::max()));
        files.push_back(MappedFile::of_descriptor(descriptor, file.field("path").text()));
      }
      MappedParameters places;
      for (const Argument& values : Argument(info, 1, "mapParameters", "values").items()) {
        const Argument index = values.field("file");
        const auto& file = files[size_t(index.integer(0, int64_t(files.size()) - 1))];
        if (file == nullptr) continue;
        const int64_t offset = values.field("byteOffset").integer(0, file->bytes());
        const int64_t bytes = values.field("byteLength").integer(0);
        values.field("byteOffset").require_within(offset, bytes, file->bytes(), "bytes", values.field("name").text());
        constexpr FloatType kTypes[] = {FloatType::kF32, FloatType::kF16, FloatType::kBF16};
        const FloatType type = kTypes[values.field("dtype").choice({"F32", "F16", "BF16"})];
        places.emplace(values.field("name").text(), MappedValues{file, offset, bytes, type});
      }
      this->release_model(info.Env());
      take_model(info.Env(), std::move(places));
      const ParameterStore& store = this->model()->store();
      Napi::Array names = Napi::Array::New(info.Env());
      for (size_t i = 0; i < store.infos().size(); ++i) {
        if (store.is_mapped(i)) names.Set(names.Length(), store.infos()[i].name);
      }
      return names;
    });
  }

  Napi::Value check_mapped(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      JobWork work = [model = this->model(), threads = threads_](Job& job) -> JobResult {
        const auto found = model->store().first_non_finite(threads, job);
        if (!found) return NonFiniteResult{};
        return NonFiniteResult{true, model->store().infos()[found->first].name, found->second};
      };
      return this->submit(std::move(work), Argument(info, 0, "checkMapped", "done"));
    });
  }

  MakeModel make_;
  int threads_ = 0;
};

}  // namespace dnd::bindings
