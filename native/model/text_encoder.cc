#include "model/text_encoder.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "model/bfloat16_bytes.h"
#include "model/hidden_state_writer.h"
#include "model/relative_positions.h"
#include "model/text_encoder_pass.h"

namespace dnd {
namespace {

constexpr int64_t kFloat = sizeof(float);
/// Activations of a chunk. Every chunk packs the weights again, so it should not be small.
constexpr int64_t kWorkspaceBytes = 192 << 20;

Error invalid(const std::string& message) { return Error(ErrorCode::kInvalidArgument, message); }

const DeviceChoice& check_operations(const TextEncoderConfig& config, const DeviceChoice& device) {
  if (!config.needs_more_operations()) return device;
  if (device.backend->language == nullptr || device.backend->encoder == nullptr) {
    throw Error(ErrorCode::kUnavailable, "the device '" + std::string(device.backend->name) +
                                             "' runs text encoders with learned positions, layer norms and no relative "
                                             "attention only, as BERT and RoBERTa; choose the device cpu");
  }
  return device;
}

}  // namespace

TextEncoder::TextEncoder(TextEncoderConfig config, const DeviceChoice& device, MappedParameters mapped)
    : config_(checked(std::move(config))),
      device_(check_operations(config_, device)),
      keeps_bfloat16_(device.options.precision == kDndBfloat16),
      parameters_(std::move(mapped)),
      zeros_(static_cast<size_t>(config_.hidden_size)),
      word_(add_weight({"embeddings.word_embeddings.weight"}, {config_.vocab_size, config_.hidden_size})),
      position_(add_table("embeddings.position_embeddings.weight", config_.position_rows(), config_.hidden_size)),
      type_(add_table("embeddings.token_type_embeddings.weight", config_.type_vocab_size, config_.hidden_size)) {
  if (type_ == nullptr) type_ = zeros_.data();
  if (config_.embedding_norm) embedding_norm_ = add_norm("embeddings.LayerNorm");
  if (!config_.relative_bias_per_layer) {
    relative_bias_ = add_table("encoder.relative_attention_bias.weight", config_.relative_buckets, config_.heads);
  }
  for (size_t layer = 0; layer < static_cast<size_t>(config_.layers); ++layer) layers_.push_back(add_layer(layer));
  if (config_.pre_norm) final_norm_ = add_norm("encoder.LayerNorm");
}

/// Null for no rows.
const float* TextEncoder::add_table(const std::string& name, int64_t rows, int64_t columns) {
  return rows == 0 ? nullptr : parameters_.add(name, {rows, columns});
}

/// In half precision only where the device reads it in host memory.
StoredValues TextEncoder::add_weight(const std::vector<std::string>& names, const std::vector<int64_t>& shape) {
  if (device_.in_host_memory()) return parameters_.add_stacked_stored(names, shape);
  return {parameters_.add_stacked(names, shape), FloatType::kF32};
}

TextEncoder::Linear TextEncoder::add_linear(const std::string& name, int64_t out, int64_t in, bool bias) {
  const StoredValues weight = add_weight({name + ".weight"}, {out, in});
  return {weight, bias ? parameters_.add(name + ".bias", {out}) : nullptr};
}

TextEncoder::Linear TextEncoder::add_query_key_value(const std::string& name) {
  const auto names = [&](const std::string& kind) -> std::vector<std::string> {
    return {name + "query." + kind, name + "key." + kind, name + "value." + kind};
  };
  const int64_t inner = config_.inner_width();
  const StoredValues weight = add_weight(names("weight"), {inner, config_.hidden_size});
  return {weight, config_.attention_bias ? parameters_.add_stacked(names("bias"), {inner}) : nullptr};
}

TextEncoder::Norm TextEncoder::add_norm(const std::string& name) {
  const float* weight = parameters_.add(name + ".weight", {config_.hidden_size});
  if (config_.rms_norm) return {weight, nullptr};
  return {weight, config_.norm_bias ? parameters_.add(name + ".bias", {config_.hidden_size}) : zeros_.data()};
}

TextEncoder::Layer TextEncoder::add_layer(size_t index) {
  const std::string name = "encoder.layer." + std::to_string(index) + ".";
  const int64_t hidden = config_.hidden_size, wide = config_.intermediate_size;
  const bool bias = config_.feed_forward_bias, first = index == 0;
  Layer layer;
  layer.query_key_value = add_query_key_value(name + "attention.self.");
  layer.attention_output =
      add_linear(name + "attention.output.dense", hidden, config_.inner_width(), config_.attention_bias);
  if (!first || config_.first_attention_norm) layer.attention_norm = add_norm(name + "attention.output.LayerNorm");
  layer.relative_bias = config_.relative_bias_per_layer
                            ? add_table(name + "attention.self.relative_attention_bias.weight",
                                        config_.relative_buckets, config_.heads)
                            : relative_bias_;
  layer.intermediate = add_linear(name + "intermediate.dense", wide, hidden, bias);
  if (config_.gated) layer.gate = add_linear(name + "intermediate.gate", wide, hidden, bias);
  layer.output = add_linear(name + "output.dense", hidden, wide, bias);
  layer.output_norm = add_norm(name + "output.LayerNorm");
  return layer;
}

int64_t TextEncoder::chunk_rows(const EncodeShape& shape) const {
  const int64_t rows = kWorkspaceBytes / TextEncoderPass::row_bytes(config_);
  return std::min(shape.prompts * shape.length, std::max(shape.window, rows));
}

int64_t TextEncoder::resident_bytes() const {
  if (!keeps_bfloat16_) return 0;
  const int64_t hidden = config_.hidden_size, wide = config_.intermediate_size, inner = config_.inner_width();
  const int64_t attention = 3 * bfloat16_bytes(inner, hidden) + bfloat16_bytes(hidden, inner);
  const int64_t feed_forward = (config_.gated ? 2 : 1) * bfloat16_bytes(wide, hidden) + bfloat16_bytes(hidden, wide);
  return config_.layers * (attention + feed_forward);
}

int64_t TextEncoder::workspace_bytes(const EncodeShape& shape) const {
  const int64_t hidden = config_.hidden_size;
  // Beside the activations, the device packs one weight at a time, and mean pooling has sums in double.
  const int64_t weight = hidden * std::max(3 * config_.inner_width(), config_.intermediate_size) * kFloat;
  const int64_t sums =
      shape.pooling == Pooling::kMean ? shape.prompts * hidden * static_cast<int64_t>(sizeof(double)) : 0;
  const int64_t rows = chunk_rows(shape), windows = std::min(rows, shape.prompts * shape.windows_per_prompt());
  const int64_t bases = config_.rotary_thetas.empty() ? 0 : 2;  // of a model: at most two in use
  const int64_t rotary = bases * 2 * shape.window * config_.width_of_head() * kFloat;
  return TextEncoderPass::bytes(config_, rows, windows, shape.window, shape.pooling) + weight + sums + rotary +
         resident_bytes();
}

void TextEncoder::check(const int32_t* ids, const EncodeShape& shape) const {
  if (shape.prompts < 0 || shape.length < 1 || shape.window < 1 || shape.length % shape.window != 0) {
    throw invalid("a length of " + std::to_string(shape.length) + " is not a multiple of the window " +
                  std::to_string(shape.window));
  }
  if (shape.window > config_.max_positions) {
    throw invalid("a window of " + std::to_string(shape.window) + " tokens is longer than the text encoder's " +
                  std::to_string(config_.max_positions) + " positions; cut the prompts into shorter windows");
  }
  for (int64_t i = 0; i < shape.prompts * shape.length; ++i) {
    if (ids[i] < 0 || ids[i] >= config_.vocab_size) {
      throw invalid("token id " + std::to_string(ids[i]) + " of prompt " + std::to_string(i / shape.length) +
                    " at position " + std::to_string(i % shape.length) +
                    " is outside the text encoder's vocabulary of " + std::to_string(config_.vocab_size));
    }
  }
}

double TextEncoder::multiply_adds(const WindowBatch& batch) const {
  const double hidden = static_cast<double>(config_.hidden_size), inner = static_cast<double>(config_.inner_width());
  const bool gathers = device_->encoder != nullptr && !config_.relative_attention();
  double rows = 0, keys = 0, pairs = 0;
  for (const WindowBatch::Window& window : batch.windows()) {
    rows += static_cast<double>(window.rows);
    keys += static_cast<double>(gathers ? window.real : window.rows);
    pairs += static_cast<double>(window.rows) * static_cast<double>(window.rows);
  }
  const double feed_forward = (config_.gated ? 3 : 2) * static_cast<double>(config_.intermediate_size);
  return static_cast<double>(config_.layers) * 
         (hidden * (rows * (2 * inner + feed_forward) + keys * 2 * inner) + inner * 2 * pairs);
}

void TextEncoder::upload_linear(const Linear& layer, int64_t out, int64_t in) const {
  if (layer.weight.data == nullptr) return;
  device_.call(device_->upload_linear, layer.weight.operand(), out, in);
  if (layer.bias != nullptr) device_.call(device_->upload_values, layer.bias, out);
}

void TextEncoder::upload_norm(const Norm& norm) const {
  for (const float* values : {norm.weight, norm.bias}) {
    if (values != nullptr) device_.call(device_->upload_values, values, config_.hidden_size);
  }
}

void TextEncoder::upload_layer(const Layer& layer) const {
  const int64_t hidden = config_.hidden_size, wide = config_.intermediate_size, inner = config_.inner_width();
  if (config_.rotary_thetas.empty()) {
    upload_linear(layer.query_key_value, 3 * inner, hidden);
  } else {
    for (int64_t part = 0; part < 3; ++part) {
      upload_linear(TextEncoderPass::part_of(layer.query_key_value, part, inner, hidden), inner, hidden);
    }
  }
  upload_linear(layer.attention_output, hidden, inner);
  upload_norm(layer.attention_norm);
  if (layer.relative_bias != nullptr) {
    device_.call(device_->upload_values, layer.relative_bias, config_.relative_buckets * config_.heads);
  }
  upload_linear(layer.intermediate, wide, hidden);
  upload_linear(layer.gate, wide, hidden);
  upload_linear(layer.output, hidden, wide);
  upload_norm(layer.output_norm);
}

void TextEncoder::upload_parameters(Job& job) {
  if (resident_generation_ != parameters_.generation()) {
    device_.call(device_->invalidate);
    resident_generation_ = parameters_.generation();
  }
  const int64_t hidden = config_.hidden_size;
  if (word_.type == FloatType::kF32) {
    device_.call(device_->upload_values, word_.floats(), config_.vocab_size * hidden);
  }
  if (position_ != nullptr) device_.call(device_->upload_values, position_, config_.position_rows() * hidden);
  device_.call(device_->upload_values, type_, hidden);  // row 0: every token has type 0
  for (const auto& [theta, table] : rotary_) {
    device_.call(device_->upload_values, table.data(), static_cast<int64_t>(table.size()));
  }
  upload_norm(embedding_norm_);
  for (const Layer& layer : layers_) {
    job.throw_if_cancelled();
    upload_layer(layer);
  }
  upload_norm(final_norm_);
}

void TextEncoder::prepare(Job& job) {
  upload_parameters(job);
  job.set_progress(1);
}

void TextEncoder::extend_rotary(int64_t positions) {
  if (config_.rotary_thetas.empty() || rotary_positions_ >= positions) return;
  rotary_positions_ = std::min<int64_t>(static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(positions))),
                                        config_.max_positions);
  for (const double theta : config_.rotary_thetas) rotary_[theta].clear();
  for (auto& [theta, table] : rotary_) table = rotary_table(rotary_positions_, config_.width_of_head(), theta);
  resident_generation_ = parameters_.generation() - 1;  // their addresses may have been those of other values
}

void TextEncoder::set_relative_buckets(int64_t span) {
  if (config_.relative_buckets == 0) return;
  if (relative_buckets_.size() == static_cast<size_t>(2 * span + 1)) return;
  relative_buckets_ = relative_buckets(span, config_.relative_buckets, config_.relative_max_distance);
}

void TextEncoder::encode(const int32_t* ids, const int32_t* mask, const EncodeShape& shape, float* states, Job& job) {
  check(ids, shape);
  const WindowBatch batch(ids, mask, shape, config_.padding_id);
  HiddenStateWriter writer(device_, mask, shape, config_.hidden_size, states);
  const JobControl control(job, multiply_adds(batch));
  extend_rotary(shape.window);
  set_relative_buckets(shape.window - 1);
  upload_parameters(job);
  int64_t max_rows = chunk_rows(shape);
  for (size_t first = 0; first < batch.windows().size();) {
    job.throw_if_cancelled();
    const WindowBatch::Chunk chunk = batch.chunk(first, max_rows);
    try {
      encode_chunk(batch, chunk, shape, writer, control.get());
      first = chunk.end;
    } catch (const Error& error) {
      // The hidden states do not depend on the chunks.
      if (error.code() != ErrorCode::kOutOfMemory || chunk.windows() == 1) throw;
      max_rows = chunk.rows() / 2;
    }
  }
  writer.finish();
  job.set_progress(1);
}

void TextEncoder::encode_chunk(const WindowBatch& batch, const WindowBatch::Chunk& chunk, const EncodeShape& shape,
                               HiddenStateWriter& writer, const DndControl* control) {
  TextEncoderPass pass(*this, chunk, shape, control);
  pass_bytes_ = std::max(
      pass_bytes_, TextEncoderPass::bytes(config_, chunk.rows(), chunk.windows(), shape.window, shape.pooling));
  pass.run();
  writer.write(batch, chunk, pass.result());
}

}  // namespace dnd
