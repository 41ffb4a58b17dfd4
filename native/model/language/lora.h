#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "model/language/config.h"
#include "model/parameters.h"

namespace dnd {

/// Which projections a LoRA adapter (Hu et al. 2021) adapts: y += scale · (x · aᵀ) · bᵀ.
struct LoraShape {
  int64_t rank = 0;
  std::vector<Module> modules;  ///< ascending
  std::vector<int64_t> layers;  ///< ascending
};

/// Where the matrices of an adapter are in its float32 array [elements]: layers ascending, in a layer the modules in
/// their order, of each a [rank, in], then b [out, rank].
class LoraLayout {
 public:
  /// Error(kInvalidArgument) for a rank that is not positive, or modules or layers that are none of the model's or not
  /// ascending.
  LoraLayout(const CausalConfig& config, const LoraShape& shape);

  int64_t rank() const { return rank_; }
  int64_t elements() const { return elements_; }

  struct Place {
    int64_t a = -1, b = -1;  ///< first elements; -1: not adapted
  };
  const Place& place(int64_t layer, Module module) const {
    return places_[static_cast<size_t>(layer)][static_cast<size_t>(module)];
  }
  bool adapts(int64_t layer, Module module) const { return place(layer, module).a >= 0; }

  int64_t lowest_layer() const { return lowest_layer_; }
  /// The matrices by PEFT's names, in their order.
  const std::vector<ParameterInfo>& matrices() const { return matrices_; }

 private:
  int64_t rank_, elements_ = 0, lowest_layer_;
  std::vector<std::array<Place, kModules>> places_;
  std::vector<ParameterInfo> matrices_;
};

}  // namespace dnd
