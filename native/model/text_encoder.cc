#include "model/text_encoder.h"

#include <algorithm>
#include <utility>

#include "model/device_pass.h"
#include "model/hidden_state_writer.h"

namespace dnd {
namespace {

constexpr int64_t kFloat = sizeof(float);
constexpr int64_t kLargestSize = 1 << 22;
constexpr int64_t kMaxLayers = 4096;
/// Activations of a chunk. Every chunk packs the weights again, so it should not be small.
constexpr int64_t kWorkspaceBytes = 192 << 20;

Error invalid(const std::string& message) { return Error(ErrorCode::kInvalidArgument, message); }

TextEncoderConfig checked(const TextEncoderConfig& config) {
  const auto within = [](const char* name, int64_t value, int64_t max) {
    if (value < 1 || value > max) {
      throw invalid("the text encoder's " + std::string(name) + " is " + std::to_string(value) +
                    "; it must be a whole number from 1 to " + std::to_string(max));
    }
  };
  within("vocab_size", config.vocab_size, kLargestSize);
  within("hidden_size", config.hidden_size, kLargestSize);
  within("number of layers", config.layers, kMaxLayers);
  within("number of heads", config.heads, kLargestSize);
  within("intermediate_size", config.intermediate_size, kLargestSize);
  within("max_positions", config.max_positions, kLargestSize);
  within("type_vocab_size", config.type_vocab_size, kLargestSize);
  if (config.hidden_size % config.heads != 0) {
    throw invalid("the text encoder's hidden size " + std::to_string(config.hidden_size) +
                  " is not a multiple of its " + std::to_string(config.heads) + " heads");
  }
  if (!(config.layer_norm_eps >= 0)) throw invalid("the text encoder's layer_norm_eps must not be negative");
  return config;
}

DndActivation device_activation(Activation activation) {
  switch (activation) {
    case Activation::kNone: return kDndNoActivation;
    case Activation::kGelu: return kDndGelu;
    case Activation::kGeluTanh: return kDndGeluTanh;
    case Activation::kRelu: return kDndRelu;
  }
  return kDndNoActivation;
}

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
  return std::max(4 * config.hidden_size, config.intermediate_size);
}

int64_t row_bytes(const TextEncoderConfig& config) { return (2 * config.hidden_size + wide_columns(config)) * kFloat; }

}  // namespace

/// The forward pass of one chunk, in its own device memory.
class TextEncoder::Pass {
 public:
  Pass(const TextEncoder& encoder, const WindowBatch::Chunk& chunk, Pooling pooling, const DndControl* control);

  /// Runs the operations and waits for them.
  void run();

  /// After `run`: hidden states [chunk.rows(), hidden_size], or the mean of each window [chunk.windows(), hidden_size].
  const float* result() const { return pooling_ == Pooling::kMean ? means_.data() : states_.data(); }

 private:
  void apply(const Layer& layer) const;
  void linear(const Linear& layer, const float* from, int64_t in, int64_t out, DndActivation with,
              const float* residual, float* to) const;
  void layer_norm(const Norm& norm, const float* from) const;

  const TextEncoder& encoder_;
  const Device& device_;
  const WindowBatch::Chunk& chunk_;
  const Pooling pooling_;
  const DndControl* control_;
  const int64_t rows_, hidden_;
  DevicePass pass_;
  DeviceArray ids_, positions_, mask_, offsets_;
  DeviceArray states_, sums_;  ///< [rows, hidden_size]
  DeviceArray wide_;           ///< [rows, wide_columns]
  DeviceArray means_;
};

TextEncoder::TextEncoder(TextEncoderConfig config, const DeviceChoice& device)
    : config_(checked(config)),
      device_(device),
      word_(parameters_.add("embeddings.word_embeddings.weight", {config_.vocab_size, config_.hidden_size})),
      position_(parameters_.add("embeddings.position_embeddings.weight", {config_.max_positions, config_.hidden_size})),
      type_(parameters_.add("embeddings.token_type_embeddings.weight", {config_.type_vocab_size, config_.hidden_size})),
      embedding_norm_(add_norm("embeddings.LayerNorm")) {
  for (int64_t layer = 0; layer < config_.layers; ++layer) {
    layers_.push_back(add_layer("encoder.layer." + std::to_string(layer) + "."));
  }
}

TextEncoder::Linear TextEncoder::add_linear(const std::string& name, int64_t out, int64_t in) {
  const float* weight = parameters_.add(name + ".weight", {out, in});
  return {weight, parameters_.add(name + ".bias", {out})};
}

TextEncoder::Norm TextEncoder::add_norm(const std::string& name) {
  const float* weight = parameters_.add(name + ".weight", {config_.hidden_size});
  return {weight, parameters_.add(name + ".bias", {config_.hidden_size})};
}

TextEncoder::Layer TextEncoder::add_layer(const std::string& name) {
  const int64_t hidden = config_.hidden_size, intermediate = config_.intermediate_size;
  const auto query_key_value = [&](const std::string& kind) -> std::vector<std::string> {
    const std::string part = name + "attention.self.";
    return {part + "query." + kind, part + "key." + kind, part + "value." + kind};
  };
  return {
      .query_key_value = {parameters_.add_stacked(query_key_value("weight"), {hidden, hidden}),
                          parameters_.add_stacked(query_key_value("bias"), {hidden})},
      .attention_output = add_linear(name + "attention.output.dense", hidden, hidden),
      .attention_norm = add_norm(name + "attention.output.LayerNorm"),
      .intermediate = add_linear(name + "intermediate.dense", intermediate, hidden),
      .output = add_linear(name + "output.dense", hidden, intermediate),
      .output_norm = add_norm(name + "output.LayerNorm"),
  };
}

int64_t TextEncoder::chunk_rows(const EncodeShape& shape) const {
  return std::min(shape.prompts * shape.length, std::max(shape.window, kWorkspaceBytes / row_bytes(config_)));
}

int64_t TextEncoder::pass_bytes(int64_t rows, int64_t windows, Pooling pooling) const {
  const int64_t means = pooling == Pooling::kMean ? windows * config_.hidden_size * kFloat : 0;
  const int64_t words = 3 * static_cast<int64_t>(sizeof(int32_t));
  return rows * (row_bytes(config_) + words) + (windows + 1) * static_cast<int64_t>(sizeof(int64_t)) + means;
}

int64_t TextEncoder::workspace_bytes(const EncodeShape& shape) const {
  const int64_t hidden = config_.hidden_size;
  // Beside the activations, the device packs one weight at a time, and mean pooling has sums in double.
  const int64_t weight = hidden * std::max(3 * hidden, config_.intermediate_size) * kFloat;
  const int64_t sums =
      shape.pooling == Pooling::kMean ? shape.prompts * hidden * static_cast<int64_t>(sizeof(double)) : 0;
  const int64_t rows = chunk_rows(shape), windows = std::min(rows, shape.prompts * shape.windows_per_prompt());
  return pass_bytes(rows, windows, shape.pooling) + weight + sums;
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
  const double hidden = static_cast<double>(config_.hidden_size);
  double rows = 0, pairs = 0;
  for (const WindowBatch::Window& window : batch.windows()) {
    rows += static_cast<double>(window.rows);
    pairs += static_cast<double>(window.rows) * static_cast<double>(window.rows);
  }
  const double intermediate = static_cast<double>(config_.intermediate_size);
  return static_cast<double>(config_.layers) * hidden * (rows * (4 * hidden + 2 * intermediate) + 2 * pairs);
}

void TextEncoder::upload_parameters(Job& job) {
  if (resident_generation_ != parameters_.generation()) {
    device_.call(device_->invalidate);
    resident_generation_ = parameters_.generation();
  }
  const int64_t hidden = config_.hidden_size, wide = config_.intermediate_size;
  const auto upload_linear = [&](const Linear& layer, int64_t out, int64_t in) {
    device_.call(device_->upload_linear, layer.weight, out, in);
    device_.call(device_->upload_values, layer.bias, out);
  };
  const auto upload_norm = [&](const Norm& norm) {
    device_.call(device_->upload_values, norm.weight, hidden);
    device_.call(device_->upload_values, norm.bias, hidden);
  };
  device_.call(device_->upload_values, word_, config_.vocab_size * hidden);
  device_.call(device_->upload_values, position_, config_.max_positions * hidden);
  device_.call(device_->upload_values, type_, hidden);  // row 0: every token has type 0
  upload_norm(embedding_norm_);
  for (const Layer& layer : layers_) {
    job.throw_if_cancelled();
    upload_linear(layer.query_key_value, 3 * hidden, hidden);
    upload_linear(layer.attention_output, hidden, hidden);
    upload_norm(layer.attention_norm);
    upload_linear(layer.intermediate, wide, hidden);
    upload_linear(layer.output, hidden, wide);
    upload_norm(layer.output_norm);
  }
}

void TextEncoder::prepare(Job& job) {
  upload_parameters(job);
  job.set_progress(1);
}

void TextEncoder::encode(const int32_t* ids, const int32_t* mask, const EncodeShape& shape, float* states, Job& job) {
  check(ids, shape);
  const WindowBatch batch(ids, mask, shape);
  HiddenStateWriter writer(device_, mask, shape, config_.hidden_size, states);
  const JobControl control(job, multiply_adds(batch));
  upload_parameters(job);
  int64_t max_rows = chunk_rows(shape);
  for (size_t first = 0; first < batch.windows().size();) {
    job.throw_if_cancelled();
    const WindowBatch::Chunk chunk = batch.chunk(first, max_rows);
    try {
      encode_chunk(batch, chunk, writer, control.get());
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

void TextEncoder::encode_chunk(const WindowBatch& batch, const WindowBatch::Chunk& chunk, HiddenStateWriter& writer,
                               const DndControl* control) {
  Pass pass(*this, chunk, writer.pooling(), control);
  pass_bytes_ = std::max(pass_bytes_, pass_bytes(chunk.rows(), chunk.windows(), writer.pooling()));
  pass.run();
  writer.write(batch, chunk, pass.result());
}

TextEncoder::Pass::Pass(const TextEncoder& encoder, const WindowBatch::Chunk& chunk, Pooling pooling,
                        const DndControl* control)
    : encoder_(encoder),
      device_(encoder.device_),
      chunk_(chunk),
      pooling_(pooling),
      control_(control),
      rows_(chunk.rows()),
      hidden_(encoder.config_.hidden_size),
      pass_(device_, pass_key({rows_, chunk.windows(), chunk.longest, pooling == Pooling::kMean}),
            encoder.pass_bytes(rows_, chunk.windows(), pooling)),
      ids_(uploaded(device_, chunk.ids)),
      positions_(uploaded(device_, chunk.positions)),
      mask_(uploaded(device_, chunk.mask)),
      offsets_(uploaded(device_, chunk.offsets)),
      states_(device_, rows_ * hidden_),
      sums_(device_, rows_ * hidden_),
      wide_(device_, rows_ * wide_columns(encoder.config_)) {
  if (pooling == Pooling::kMean) means_ = DeviceArray(device_, chunk.windows() * hidden_);
}

void TextEncoder::Pass::run() {
  pass_.call(device_->embed, control_, values_of<int32_t>(ids_), values_of<int32_t>(positions_), rows_, encoder_.word_,
             encoder_.position_, encoder_.type_, hidden_, states_.data());
  layer_norm(encoder_.embedding_norm_, states_.data());
  for (const Layer& layer : encoder_.layers_) apply(layer);
  if (pooling_ == Pooling::kMean) {
    pass_.call(device_->mean_pool, control_, states_.data(), values_of<int32_t>(mask_), values_of<int64_t>(offsets_),
               chunk_.windows(), hidden_, means_.data());
  }
  pass_.run(control_);
}

/// Devlin et al. 2018: x ← LayerNorm(x + attention(x)), then x ← LayerNorm(x + output(act(intermediate(x)))).
void TextEncoder::Pass::apply(const Layer& layer) const {
  const int64_t wide = encoder_.config_.intermediate_size, heads = encoder_.config_.heads;
  float* const x = states_.data();
  float* const query_key_value = wide_.data();
  float* const context = query_key_value + rows_ * 3 * hidden_;
  float* const intermediate = wide_.data();
  linear(layer.query_key_value, x, hidden_, 3 * hidden_, kDndNoActivation, nullptr, query_key_value);
  pass_.call(device_->attention, control_, query_key_value, values_of<int32_t>(mask_), values_of<int64_t>(offsets_),
             chunk_.windows(), chunk_.longest, heads, hidden_ / heads, context);
  linear(layer.attention_output, context, hidden_, hidden_, kDndNoActivation, x, sums_.data());
  layer_norm(layer.attention_norm, sums_.data());
  linear(layer.intermediate, x, hidden_, wide, device_activation(encoder_.config_.activation), nullptr, intermediate);
  linear(layer.output, intermediate, wide, hidden_, kDndNoActivation, x, sums_.data());
  layer_norm(layer.output_norm, sums_.data());
}

void TextEncoder::Pass::linear(const Linear& layer, const float* from, int64_t in, int64_t out, DndActivation with,
                               const float* residual, float* to) const {
  pass_.call(device_->linear, control_, from, rows_, in, layer.weight, layer.bias, out, with, residual, to);
}

void TextEncoder::Pass::layer_norm(const Norm& norm, const float* from) const {
  pass_.call(device_->layer_norm, control_, from, rows_, hidden_, norm.weight, norm.bias,
             encoder_.config_.layer_norm_eps, states_.data());
}

}  // namespace dnd
