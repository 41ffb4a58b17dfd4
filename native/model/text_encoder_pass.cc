#include "model/text_encoder_pass.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "backend_encoder.h"
#include "backend_language.h"

namespace dnd {
namespace {

constexpr int64_t kFloat = sizeof(float);

/// A copy of host values in device memory.
template <typename Value>
DeviceArray uploaded(const Device& device, const std::vector<Value>& values) {
  const size_t bytes = values.size() * sizeof(Value);
  DeviceArray array = DeviceArray::of_bytes(device, bytes);
  device.call(device->upload, array.memory(), static_cast<const void*>(values.data()), bytes);
  return array;
}

/// The integers of an array made by `uploaded`.
template <typename Value>
const Value* values_of(const DeviceArray& array) {
  return static_cast<const Value*>(array.memory());
}

/// Floats per row of the wide activations: first query, key, value and their context; then the intermediate layer.
int64_t wide_columns(const TextEncoderConfig& config) {
  return std::max(4 * config.inner_width(), (config.gated ? 2 : 1) * config.intermediate_size);
}

/// The rows of a chunk that are no padding, if keys and values of these alone will do; else none. Nobody attends to
/// padding, but where a window has nothing else, its rows attend to each other.
std::vector<int32_t> real_rows(const Device& device, const TextEncoderConfig& config, const WindowBatch::Chunk& chunk) {
  if (device->encoder == nullptr || device->language == nullptr || config.relative_attention()) return {};
  std::vector<int32_t> rows;
  for (int64_t window = 0; window < chunk.windows(); ++window) {
    const size_t before = rows.size();
    const auto end = static_cast<int32_t>(chunk.offsets[static_cast<size_t>(window) + 1]);
    for (auto row = static_cast<int32_t>(chunk.offsets[static_cast<size_t>(window)]); row < end; ++row) {
      if (chunk.mask[static_cast<size_t>(row)] != 0) rows.push_back(row);
    }
    if (rows.size() == before) return {};
  }
  // They are gathered in the memory that their queries leave of the wide activations.
  const auto keys = static_cast<int64_t>(rows.size());
  const int64_t inner = config.inner_width();
  const int64_t used = 2 * chunk.rows() * inner + keys * (2 * inner + config.hidden_size);
  return used <= chunk.rows() * wide_columns(config) ? rows : std::vector<int32_t>();
}

/// Of each window, and of the end: how many of these rows are before it.
std::vector<int64_t> offsets_among(const WindowBatch::Chunk& chunk, const std::vector<int32_t>& rows) {
  std::vector<int64_t> offsets;
  for (const int64_t offset : chunk.offsets) {
    offsets.push_back(std::lower_bound(rows.begin(), rows.end(), offset) - rows.begin());
  }
  return offsets;
}

}  // namespace

int64_t TextEncoderPass::row_bytes(const TextEncoderConfig& config) {
  return (2 * config.hidden_size + wide_columns(config)) * kFloat;
}

int64_t TextEncoderPass::bytes(const TextEncoderConfig& config, int64_t rows, int64_t windows, int64_t window,
                               Pooling pooling) {
  const int64_t means = pooling == Pooling::kMean ? windows * config.hidden_size * kFloat : 0;
  const int64_t integers = 4 * rows + (config.relative_attention() ? 2 * window : 0);
  return rows * row_bytes(config) + integers * static_cast<int64_t>(sizeof(int32_t)) +
         2 * (windows + 1) * static_cast<int64_t>(sizeof(int64_t)) + means;
}

TextEncoder::Linear TextEncoderPass::part_of(const TextEncoder::Linear& stacked, int64_t part, int64_t inner,
                                             int64_t hidden) {
  return {stacked.weight.part_from(part * inner * hidden),
          stacked.bias == nullptr ? nullptr : stacked.bias + part * inner};
}

TextEncoderPass::TextEncoderPass(const TextEncoder& encoder, const WindowBatch::Chunk& chunk, const EncodeShape& shape,
                                 const DndControl* control)
    : encoder_(encoder),
      config_(encoder.config_),
      device_(encoder.device_),
      chunk_(chunk),
      pooling_(shape.pooling),
      control_(control),
      rows_(chunk.rows()),
      hidden_(config_.hidden_size),
      inner_(config_.inner_width()),
      span_(shape.window - 1),
      real_rows_(real_rows(device_, config_, chunk)),
      pass_(device_,
            pass_key({rows_, chunk.windows(), chunk.longest, pooling_ == Pooling::kMean,
                      static_cast<int64_t>(real_rows_.size())}),
            bytes(config_, rows_, chunk.windows(), shape.window, pooling_)),
      ids_(uploaded(device_, chunk.ids)),
      positions_(uploaded(device_, chunk.positions)),
      mask_(uploaded(device_, chunk.mask)),
      offsets_(uploaded(device_, chunk.offsets)),
      first_(device_, rows_ * hidden_),
      second_(device_, rows_ * hidden_),
      wide_(device_, rows_ * wide_columns(config_)),
      states_(first_.data()),
      sums_(second_.data()) {
  if (pooling_ == Pooling::kMean) means_ = DeviceArray(device_, chunk.windows() * hidden_);
  if (!real_rows_.empty()) {
    keys_ = uploaded(device_, real_rows_);
    key_offsets_ = uploaded(device_, offsets_among(chunk, real_rows_));
  }
  if (config_.relative_attention()) places_ = uploaded(device_, chunk.places);
  if (config_.relative_buckets > 0) buckets_ = uploaded(device_, encoder.relative_buckets_);
}

void TextEncoderPass::run() {
  embed();
  for (size_t layer = 0; layer < encoder_.layers_.size(); ++layer) {
    if (config_.pre_norm) {
      apply_pre_norm(encoder_.layers_[layer], layer);
    } else {
      apply_post_norm(encoder_.layers_[layer], layer);
    }
  }
  if (config_.pre_norm) {
    norm(encoder_.final_norm_, states_, sums_);
    std::swap(states_, sums_);
  }
  if (pooling_ == Pooling::kMean) {
    pass_.call(device_->mean_pool, control_, states_, values_of<int32_t>(mask_), values_of<int64_t>(offsets_),
               chunk_.windows(), hidden_, means_.data());
  }
  pass_.run(control_);
}

void TextEncoderPass::embed() {
  if (config_.learned_positions) {
    pass_.call(device_->embed, control_, values_of<int32_t>(ids_), values_of<int32_t>(positions_), rows_,
               encoder_.word_.operand(), encoder_.position_, encoder_.type_, hidden_, states_);
  } else {
    pass_.call(device_->language->embed_tokens, control_, values_of<int32_t>(ids_), rows_,
               encoder_.word_.operand(), hidden_, states_);
  }
  if (config_.embedding_norm) norm(encoder_.embedding_norm_, states_, states_);
}

/// Devlin et al. 2018: x ← norm(x + attention(x)), then x ← norm(x + output(act(intermediate(x)))).
void TextEncoderPass::apply_post_norm(const TextEncoder::Layer& layer, size_t index) {
  const float* context = attend(layer, index, states_);
  linear(layer.attention_output, context, inner_, hidden_, kDndNoActivation, states_, sums_);
  norm(layer.attention_norm, sums_, states_);
  const float* wide = feed_forward(layer, states_);
  linear(layer.output, wide, config_.intermediate_size, hidden_, kDndNoActivation, states_, sums_);
  norm(layer.output_norm, sums_, states_);
}

/// Raffel et al. 2020: x ← x + attention(norm(x)), then x ← x + output(act(intermediate(norm(x)))).
void TextEncoderPass::apply_pre_norm(const TextEncoder::Layer& layer, size_t index) {
  const float* normed = states_;
  if (layer.attention_norm.weight != nullptr) {
    norm(layer.attention_norm, states_, sums_);
    normed = sums_;
  }
  const float* context = attend(layer, index, normed);
  linear(layer.attention_output, context, inner_, hidden_, kDndNoActivation, states_, sums_);
  std::swap(states_, sums_);
  norm(layer.output_norm, states_, sums_);
  const float* wide = feed_forward(layer, sums_);
  linear(layer.output, wide, config_.intermediate_size, hidden_, kDndNoActivation, states_, sums_);
  std::swap(states_, sums_);
}

const float* TextEncoderPass::attend(const TextEncoder::Layer& layer, size_t index, const float* x) const {
  if (config_.relative_attention()) return attend_relatively(layer, index, x);
  if (!real_rows_.empty()) return attend_gathered(layer, x);
  float* const query_key_value = wide_.data();
  float* const context = query_key_value + rows_ * 3 * inner_;
  linear(layer.query_key_value, x, hidden_, 3 * inner_, kDndNoActivation, nullptr, query_key_value);
  pass_.call(device_->attention, control_, query_key_value, values_of<int32_t>(mask_), values_of<int64_t>(offsets_),
             chunk_.windows(), chunk_.longest, config_.heads, config_.width_of_head(), context);
  return context;
}

const float* TextEncoderPass::attend_gathered(const TextEncoder::Layer& layer, const float* x) const {
  const auto keys = static_cast<int64_t>(real_rows_.size());
  float* const query = wide_.data();
  float* const context = query + rows_ * inner_;
  float* const key_value = context + rows_ * inner_;
  float* const real = key_value + keys * 2 * inner_;
  linear(part_of(layer.query_key_value, 0, inner_, hidden_), x, rows_, hidden_, inner_, query);
  pass_.call(device_->language->gather_rows, control_, x, values_of<int32_t>(keys_), keys, hidden_, real);
  linear(part_of(layer.query_key_value, 1, inner_, hidden_), real, keys, hidden_, 2 * inner_, key_value);
  const DndGatheredAttention shape = {
      .sequences = chunk_.windows(),
      .longest = chunk_.longest,
      .heads = config_.heads,
      .head_width = config_.width_of_head(),
      .offsets = values_of<int64_t>(offsets_),
      .key_offsets = values_of<int64_t>(key_offsets_),
  };
  pass_.call(device_->encoder->gathered_attention, control_, &shape, query, key_value, context);
  return context;
}

const float* TextEncoderPass::attend_relatively(const TextEncoder::Layer& layer, size_t index, const float* x) const {
  const int64_t head_width = config_.width_of_head();
  const bool rotary = config_.theta_of(index) > 0;
  float* const parts = wide_.data();
  float* const context = parts + rows_ * 3 * inner_;
  // Rotated, query and key are arrays of their own; else the three are beside each other in every row.
  const int64_t step = rotary ? rows_ * inner_ : inner_;
  if (rotary) {
    const float* table = encoder_.rotary_.at(config_.theta_of(index)).data();
    for (int64_t part = 0; part < 3; ++part) {
      float* const to = parts + part * step;
      linear(part_of(layer.query_key_value, part, inner_, hidden_), x, hidden_, inner_, kDndNoActivation, nullptr, to);
      if (part == 2) continue;
      pass_.call(device_->language->rotate, control_, values_of<int32_t>(places_), rows_, config_.heads, head_width,
                 table, int32_t{0}, to);
    }
  } else {
    linear(layer.query_key_value, x, hidden_, 3 * inner_, kDndNoActivation, nullptr, parts);
  }
  const DndRelativeAttention shape = {
      .sequences = chunk_.windows(),
      .longest = chunk_.longest,
      .heads = config_.heads,
      .head_width = head_width,
      .stride = rotary ? inner_ : 3 * inner_,
      .offsets = values_of<int64_t>(offsets_),
      .mask = values_of<int32_t>(mask_),
      .positions = values_of<int32_t>(places_),
      .scale = config_.scaled_attention ? 1.0f / std::sqrt(static_cast<float>(head_width)) : 1.0f,
      .window = config_.window_of(index),
      .bias = layer.relative_bias,
      .buckets = values_of<int32_t>(buckets_),
      .span = span_,
  };
  pass_.call(device_->encoder->relative_attention, control_, &shape, parts, parts + step, parts + 2 * step, context);
  return context;
}

const float* TextEncoderPass::feed_forward(const TextEncoder::Layer& layer, const float* x) const {
  const int64_t wide = config_.intermediate_size;
  float* const intermediate = wide_.data();
  linear(layer.intermediate, x, hidden_, wide, device_activation(config_.activation), nullptr, intermediate);
  if (!config_.gated) return intermediate;
  float* const gate = intermediate + rows_ * wide;
  linear(layer.gate, x, hidden_, wide, kDndNoActivation, nullptr, gate);
  pass_.call(device_->encoder->multiply, control_, intermediate, gate, rows_ * wide, intermediate);
  return intermediate;
}

void TextEncoderPass::linear(const TextEncoder::Linear& layer, const float* from, int64_t in, int64_t out,
                             DndActivation with, const float* residual, float* to) const {
  pass_.call(device_->linear, control_, from, rows_, in, layer.weight.operand(), layer.bias, out, with, residual, to);
}

void TextEncoderPass::linear(const TextEncoder::Linear& layer, const float* from, int64_t rows, int64_t in, int64_t out,
                             float* to) const {
  pass_.call(device_->linear, control_, from, rows, in, layer.weight.operand(), layer.bias, out, kDndNoActivation,
             static_cast<const float*>(nullptr), to);
}

void TextEncoderPass::norm(const TextEncoder::Norm& norm, const float* from, float* to) const {
  if (config_.rms_norm) {
    pass_.call(device_->language->rms_norm, control_, from, rows_, hidden_, norm.weight, config_.layer_norm_eps, to);
  } else {
    pass_.call(device_->layer_norm, control_, from, rows_, hidden_, norm.weight, norm.bias, config_.layer_norm_eps,
               to);
  }
}

}  // namespace dnd
