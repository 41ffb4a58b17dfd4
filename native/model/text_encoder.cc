#include "model/text_encoder.h"

#include <algorithm>
#include <utility>

#include "model/job_control.h"
#include "model/state_writer.h"

namespace dnd {
namespace {

constexpr int64_t kLargestSize = 1 << 22;
constexpr int64_t kMostLayers = 4096;
/// Of a chunk's activations. Every chunk packs the weights again, so it should not be small.
constexpr int64_t kWorkspaceBytes = 192 << 20;

Error invalid(const std::string& message) { return Error(ErrorCode::kInvalidArgument, message); }

TextEncoderConfig checked(const TextEncoderConfig& config) {
  const auto within = [](const char* name, int64_t value, int64_t most) {
    if (value < 1 || value > most) {
      throw invalid("the text encoder's " + std::string(name) + " is " + std::to_string(value) +
                    "; it must be a whole number from 1 to " + std::to_string(most));
    }
  };
  within("vocab_size", config.vocab_size, kLargestSize);
  within("hidden_size", config.hidden_size, kLargestSize);
  within("number of layers", config.layers, kMostLayers);
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

/// Host values as device memory.
template <typename Value>
DeviceArray uploaded(const Device& device, const std::vector<Value>& values) {
  const size_t bytes = values.size() * sizeof(Value);
  DeviceArray array = DeviceArray::of_bytes(device, bytes);
  device.call(device->upload, array.memory(), static_cast<const void*>(values.data()), bytes);
  return array;
}

/// The array's memory as the integers that `uploaded` put there.
template <typename Value>
const Value* values_of(const DeviceArray& array) {
  return static_cast<const Value*>(array.memory());
}

}  // namespace

/// Memory for the activations of any chunk of a batch.
struct TextEncoder::Workspace {
  DeviceArray states, sums;  ///< [rows, hidden_size]
  DeviceArray wide;          ///< query, key and value, and their context after them; then the intermediate layer

  static int64_t wide_columns(const TextEncoderConfig& config) {
    return std::max(4 * config.hidden_size, config.intermediate_size);
  }
  static int64_t row_bytes(const TextEncoderConfig& config) {
    return (2 * config.hidden_size + wide_columns(config)) * static_cast<int64_t>(sizeof(float));
  }
  Workspace(const Device& device, const TextEncoderConfig& config, int64_t rows)
      : states(device, rows * config.hidden_size),
        sums(device, rows * config.hidden_size),
        wide(device, rows * wide_columns(config)) {}
};

/// What the device's operations are told about a chunk.
struct TextEncoder::DeviceChunk {
  DeviceArray ids, positions, mask, offsets;

  DeviceChunk(const Device& device, const WindowBatch::Chunk& chunk)
      : ids(uploaded(device, chunk.ids)),
        positions(uploaded(device, chunk.positions)),
        mask(uploaded(device, chunk.mask)),
        offsets(uploaded(device, chunk.offsets)) {}
};

TextEncoder::TextEncoder(TextEncoderConfig config, int threads)
    : config_(checked(config)),
      device_(threads),
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
  return std::min(shape.prompts * shape.length,
                  std::max(shape.window, kWorkspaceBytes / Workspace::row_bytes(config_)));
}

int64_t TextEncoder::workspace_bytes(const EncodeShape& shape) const {
  const int64_t hidden = config_.hidden_size;
  // Beside the activations, the device packs one weight at a time, and pooling holds sums in double.
  const int64_t weight = hidden * std::max(3 * hidden, config_.intermediate_size) * static_cast<int64_t>(sizeof(float));
  const int64_t sums =
      shape.pooling == Pooling::kMean ? shape.prompts * hidden * static_cast<int64_t>(sizeof(double)) : 0;
  return chunk_rows(shape) * Workspace::row_bytes(config_) + weight + sums;
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

void TextEncoder::encode(const int32_t* ids, const int32_t* mask, const EncodeShape& shape, float* states, Job& job) {
  check(ids, shape);
  const WindowBatch batch(ids, mask, shape);
  StateWriter writer(device_, mask, shape, config_.hidden_size, states);
  const JobControl control(job, multiply_adds(batch));
  const int64_t most_rows = chunk_rows(shape);
  const Workspace workspace(device_, config_, most_rows);
  for (size_t first = 0; first < batch.windows().size();) {
    job.throw_if_cancelled();
    const WindowBatch::Chunk chunk = batch.chunk(first, most_rows);
    const DeviceChunk device_chunk(device_, chunk);
    run(chunk, device_chunk, workspace, control.table());
    writer.write(batch, chunk, workspace.states.data(), values_of<int32_t>(device_chunk.mask),
                 values_of<int64_t>(device_chunk.offsets), control.table());
    first = chunk.end;
  }
  writer.finish();
  job.set_progress(1);
}

/// Devlin et al. 2018; per layer x ← LayerNorm(x + attention(x)), then x ← LayerNorm(x + output(act(intermediate(x)))).
void TextEncoder::run(const WindowBatch::Chunk& chunk, const DeviceChunk& on_device, const Workspace& workspace,
                      const DndControl* control) const {
  const int64_t rows = chunk.rows(), hidden = config_.hidden_size, wide = config_.intermediate_size;
  const DndActivation activation = device_activation(config_.activation);
  float* const x = workspace.states.data();
  float* const sums = workspace.sums.data();
  float* const query_key_value = workspace.wide.data();
  float* const context = query_key_value + rows * 3 * hidden;
  float* const intermediate = workspace.wide.data();

  const auto linear = [&](const Linear& layer, const float* from, int64_t in, int64_t out, DndActivation with,
                          const float* residual, float* to) {
    device_.call(device_->linear, control, from, rows, in, layer.weight, layer.bias, out, with, residual, to);
  };
  const auto layer_norm = [&](const Norm& norm, const float* from) {
    device_.call(device_->layer_norm, control, from, rows, hidden, norm.weight, norm.bias, config_.layer_norm_eps, x);
  };

  device_.call(device_->embed, control, values_of<int32_t>(on_device.ids), values_of<int32_t>(on_device.positions),
               rows, word_, position_, type_, hidden, x);
  layer_norm(embedding_norm_, x);
  for (const Layer& layer : layers_) {
    linear(layer.query_key_value, x, hidden, 3 * hidden, kDndNoActivation, nullptr, query_key_value);
    device_.call(device_->attention, control, query_key_value, values_of<int32_t>(on_device.mask),
                 values_of<int64_t>(on_device.offsets), chunk.windows(), chunk.longest, config_.heads,
                 hidden / config_.heads, context);
    linear(layer.attention_output, context, hidden, hidden, kDndNoActivation, x, sums);
    layer_norm(layer.attention_norm, sums);
    linear(layer.intermediate, x, hidden, wide, activation, nullptr, intermediate);
    linear(layer.output, intermediate, wide, hidden, kDndNoActivation, x, sums);
    layer_norm(layer.output_norm, sums);
  }
}

}  // namespace dnd
