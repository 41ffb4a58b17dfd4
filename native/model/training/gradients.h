#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/parameter_store.h"

namespace dnd {

/// The gradient of every parameter, in host memory; contiguous where the parameters are. Initially zero, and zero for
/// good where no pass writes; elsewhere the first pass of a step overwrites it and later passes add to it.
class Gradients {
 public:
  explicit Gradients(const ParameterStore& parameters) : parameters_(parameters) {}

  /// Allocates the memory on the first call. Error(kOutOfMemory) naming the parameter.
  void reserve() {
    const std::vector<ParameterInfo>& infos = parameters_.infos();
    for (size_t block = store_.blocks().size(); block < parameters_.blocks().size(); ++block) {
      const size_t begin = parameters_.blocks()[block];
      const size_t end = block + 1 < parameters_.blocks().size() ? parameters_.blocks()[block + 1] : infos.size();
      store_.add_contiguous({infos.begin() + static_cast<int64_t>(begin), infos.begin() + static_cast<int64_t>(end)});
      for (size_t i = begin; i < end; ++i) {
        std::fill_n(store_.writable(i), infos[i].elements(), 0.0f);
        places_.emplace(parameters_.at(i), store_.writable(i));
      }
    }
  }

  bool reserved() const { return !places_.empty(); }

  /// As if a pass had found gradients of zero.
  void clear() {
    for (size_t i = 0; i < store_.infos().size(); ++i) {
      std::fill_n(store_.writable(i), store_.infos()[i].elements(), 0.0f);
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
