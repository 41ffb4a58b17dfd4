#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace dnd {

/// A causal language model of the Llama family: Llama, Mistral, Qwen2 (biases of query, key and value) and Qwen3 (RMS
/// norms of query and key heads).
struct CausalConfig {
  int64_t vocab_size, hidden_size, layers, heads, kv_heads, head_width, intermediate_size, max_positions;
  float rms_norm_eps;
  bool qkv_bias, output_bias, mlp_bias, query_key_norm, tied_head;
  std::vector<int64_t> windows;              ///< of each layer, 0: none
  std::vector<double> inverse_frequencies;  ///< [head_width / 2]

  int64_t query_width() const { return heads * head_width; }
  int64_t key_value_width() const { return kv_heads * head_width; }
};

/// Error(kInvalidArgument) for sizes that are not positive, or do not fit together.
void check_config(const CausalConfig& config);

/// The projections of a layer, in the order of MODULES (src/adapter/modules.ts): the order of an adapter's tensors.
enum class Module { kQuery = 0, kKey = 1, kValue = 2, kOutput = 3, kUp = 4, kGate = 5, kDown = 6 };
constexpr size_t kModules = 7;
constexpr std::array<const char*, kModules> kModulePaths = {
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
    "mlp.up_proj",      "mlp.gate_proj",    "mlp.down_proj",
};

struct ModuleSize {
  int64_t out, in;
};
ModuleSize size_of(const CausalConfig& config, Module module);

}  // namespace dnd
