#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>

#include "model/parameter_store.h"

namespace dnd {

/// The gradient of every parameter, where parameters lie: in host memory. Zero at first, and always where no pass
/// stores anything; the first pass of a step stores into the rest, later ones add to it.
class Gradients {
 public:
  explicit Gradients(const ParameterStore& parameters) : parameters_(parameters) {}

  /// Takes the memory, the first time. Error(kOutOfMemory) naming the parameter.
  void reserve() {
    for (size_t i = places_.size(); i < parameters_.infos().size(); ++i) {
      const ParameterInfo& info = parameters_.infos()[i];
      float* const place = store_.add(info.name, info.shape);
      std::fill_n(place, info.elements(), 0.0f);
      places_.emplace(parameters_.at(i), place);
    }
  }

  /// Of the parameter that lies there.
  float* of(const float* parameter) const { return places_.at(parameter); }
  const float* find(const std::string& name) const { return store_.find(name); }
  const float* at(size_t index) const { return store_.at(index); }

  /// Whether there is a gradient, to which the next pass adds.
  bool accumulated = false;

 private:
  const ParameterStore& parameters_;
  ParameterStore store_;
  std::unordered_map<const float*, float*> places_;
};

}  // namespace dnd
