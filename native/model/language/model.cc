#include "model/language/model.h"

#include <string>
#include <utility>

namespace dnd {

CausalModel::CausalModel(CausalConfig config, MappedParameters mapped)
    : config_((check_config(config), std::move(config))), parameters_(std::move(mapped)) {
  embedding_ = parameters_.add_stored("model.embed_tokens.weight", {config_.vocab_size, config_.hidden_size});
  for (int64_t index = 0; index < config_.layers; ++index) layers_.push_back(add_layer(index));
  final_norm_ = parameters_.add("model.norm.weight", {config_.hidden_size});
  head_ = config_.tied_head ? embedding_
                            : parameters_.add_stored("lm_head.weight", {config_.vocab_size, config_.hidden_size});
}

CausalLayer CausalModel::add_layer(int64_t index) {
  const std::string path = "model.layers." + std::to_string(index) + ".";
  CausalLayer layer{};
  layer.window = config_.windows[static_cast<size_t>(index)];
  const auto add = [&](Module module, bool bias) {
    layer.projections[static_cast<size_t>(module)] = add_projection(path, module, bias);
  };
  add(Module::kQuery, config_.qkv_bias);
  add(Module::kKey, config_.qkv_bias);
  add(Module::kValue, config_.qkv_bias);
  add(Module::kOutput, config_.output_bias);
  if (config_.query_key_norm) {
    layer.query_norm = parameters_.add(path + "self_attn.q_norm.weight", {config_.head_width});
    layer.key_norm = parameters_.add(path + "self_attn.k_norm.weight", {config_.head_width});
  }
  add(Module::kGate, config_.mlp_bias);
  add(Module::kUp, config_.mlp_bias);
  add(Module::kDown, config_.mlp_bias);
  layer.input_norm = parameters_.add(path + "input_layernorm.weight", {config_.hidden_size});
  layer.post_attention_norm = parameters_.add(path + "post_attention_layernorm.weight", {config_.hidden_size});
  return layer;
}

Projection CausalModel::add_projection(const std::string& path, Module module, bool bias) {
  const std::string name = path + kModulePaths[static_cast<size_t>(module)];
  const auto [out, in] = size_of(config_, module);
  const StoredValues weight = parameters_.add_stored(name + ".weight", {out, in});
  return {weight, bias ? parameters_.add(name + ".bias", {out}) : nullptr, out, in};
}

}  // namespace dnd
