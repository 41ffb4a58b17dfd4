#pragma once

#include <cstdint>
#include <vector>

#include "backend.h"

namespace dnd {

enum class Activation { kNone, kGelu, kGeluTanh, kRelu };

/// A text encoder: a transformer whose tokens attend in both directions. The defaults are BERT's.
struct TextEncoderConfig {
  int64_t vocab_size, hidden_size, layers, heads, intermediate_size;
  int64_t max_positions;    ///< of a window
  int64_t type_vocab_size;  ///< 0: no embeddings of token types
  float layer_norm_eps;
  Activation activation;

  int64_t head_width = 0;  ///< 0: hidden_size / heads

  // Positions.
  bool learned_positions = true;  ///< a table of embeddings, added to those of the tokens
  int64_t padding_id = -1;        ///< positions are counted as RoBERTa does (window_batch.h); -1: from 0 on
  int64_t relative_buckets = 0;   ///< attention scores have biases by distance, as in T5; 0: none
  int64_t relative_max_distance = 0;
  bool relative_bias_per_layer = false;  ///< else all layers share it
  std::vector<double> rotary_thetas = {};  ///< base of the rotary positions of each layer; empty: none
  std::vector<int64_t> windows = {};       ///< of each layer: largest distance that is attended to, 0: any; empty: any

  // Layers.
  bool embedding_norm = true;
  bool pre_norm = false;              ///< norms before attention and feed-forward, and one after the last layer
  bool rms_norm = false;              ///< else layer norms
  bool first_attention_norm = true;   ///< whether the first layer has one before its attention
  bool norm_bias = true;              ///< of layer norms
  bool attention_bias = true;         ///< of query, key, value and output
  bool feed_forward_bias = true;
  bool gated = false;                 ///< feed-forward: activation(intermediate) · gate
  bool scaled_attention = true;       ///< scores are divided by √head_width

  int64_t width_of_head() const { return head_width > 0 ? head_width : hidden_size / heads; }
  /// Of query, key and value.
  int64_t inner_width() const { return heads * width_of_head(); }
  int64_t position_rows() const { return learned_positions ? max_positions + padding_id + 1 : 0; }
  int64_t window_of(size_t layer) const { return windows.empty() ? 0 : windows[layer]; }
  double theta_of(size_t layer) const { return rotary_thetas.empty() ? 0 : rotary_thetas[layer]; }
  /// Whether attention is more than `attention` of backend.h computes.
  bool relative_attention() const {
    return relative_buckets > 0 || !rotary_thetas.empty() || !windows.empty() || !scaled_attention;
  }
  /// Whether operations beyond backend.h are necessary (backend_language.h, backend_encoder.h).
  bool needs_more_operations() const { return relative_attention() || rms_norm || gated || !learned_positions; }
};

/// The config. Error(kInvalidArgument) for sizes that are not positive, or do not fit together.
TextEncoderConfig checked(TextEncoderConfig config);

DndActivation device_activation(Activation activation);

}  // namespace dnd
