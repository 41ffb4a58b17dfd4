#include "model/language/lora.h"

#include <string>

#include "core/status.h"

namespace dnd {
namespace {

constexpr int64_t kLargestRank = 1 << 13;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

void check_shape(const CausalConfig& config, const LoraShape& shape) {
  if (shape.rank < 1 || shape.rank > kLargestRank) {
    refuse("the rank of an adapter is " + std::to_string(shape.rank) + "; it must be a whole number from 1 to " +
           std::to_string(kLargestRank));
  }
  if (shape.modules.empty() || shape.layers.empty()) refuse("an adapter needs at least one module and one layer");
  for (size_t i = 1; i < shape.modules.size(); ++i) {
    if (shape.modules[i] <= shape.modules[i - 1]) refuse("the modules of an adapter must be in their order, each once");
  }
  int64_t before = -1;
  for (const int64_t layer : shape.layers) {
    if (layer <= before) refuse("the layers of an adapter must ascend");
    if (layer >= config.layers) {
      refuse("an adapter has layer " + std::to_string(layer) + "; the language model has " +
             std::to_string(config.layers) + " layers");
    }
    before = layer;
  }
}

}  // namespace

LoraLayout::LoraLayout(const CausalConfig& config, const LoraShape& shape)
    : rank_((check_shape(config, shape), shape.rank)),
      lowest_layer_(shape.layers.front()),
      places_(static_cast<size_t>(config.layers)) {
  for (const int64_t layer : shape.layers) {
    for (const Module module : shape.modules) {
      const auto [out, in] = size_of(config, module);
      const std::string name = "base_model.model.model.layers." + std::to_string(layer) + "." +
                               kModulePaths[static_cast<size_t>(module)];
      Place& place = places_[static_cast<size_t>(layer)][static_cast<size_t>(module)];
      place.a = elements_;
      place.b = place.a + rank_ * in;
      elements_ = place.b + out * rank_;
      matrices_.push_back({name + ".lora_A.weight", {rank_, in}});
      matrices_.push_back({name + ".lora_B.weight", {out, rank_}});
    }
  }
}

}  // namespace dnd
