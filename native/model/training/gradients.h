#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>

#include "model/parameter_store.h"

namespace dnd {

/// The gradient of every parameter, in host memory. Initially zero, and zero for good where no pass writes; elsewhere
/// the first pass of a step overwrites it and later passes add to it.
class Gradients {
 public:
  explicit Gradients(const ParameterStore& parameters) : parameters_(parameters) {}

  /// Allocates the memory on the first call. Error(kOutOfMemory) naming the parameter.
  void reserve() {
    for (size_t i = places_.size(); i < parameters_.infos().size(); ++i) {
      const ParameterInfo& info = parameters_.infos()[i];
      float* const place = store_.add(info.name, info.shape);
      std::fill_n(place, info.elements(), 0.0f);
      places_.emplace(parameters_.at(i), place);
    }
  }

  /// `parameter`: its address in the parameter store.
  float* of(const float* parameter) const { return places_.at(parameter); }
  const float* find(const std::string& name) const { return store_.find(name); }
  const float* at(size_t index) const { return store_.at(index); }

  /// Whether there is a gradient for the next pass to add to.
  bool accumulated = false;

 private:
  const ParameterStore& parameters_;
  ParameterStore store_;
  std::unordered_map<const float*, float*> places_;
};

}  // namespace dnd
