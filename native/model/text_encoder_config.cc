#include "model/text_encoder_config.h"

#include <string>
#include <utility>

#include "core/status.h"

namespace dnd {
namespace {

constexpr int64_t kLargestSize = 1 << 22;
constexpr int64_t kMaxLayers = 4096;

Error invalid(const std::string& message) { return Error(ErrorCode::kInvalidArgument, message); }

void check_within(const char* name, int64_t value, int64_t min, int64_t max) {
  if (value >= min && value <= max) return;
  throw invalid("the text encoder's " + std::string(name) + " is " + std::to_string(value) +
                "; it must be a whole number from " + std::to_string(min) + " to " + std::to_string(max));
}

void check_for_each_layer(const char* name, size_t count, int64_t layers) {
  if (count == 0 || count == static_cast<size_t>(layers)) return;
  throw invalid("the text encoder has " + std::to_string(count) + " " + name + " for " + std::to_string(layers) +
                " layers");
}

void check_positions(const TextEncoderConfig& config) {
  check_within("padding_id", config.padding_id, -1, config.vocab_size - 1);
  check_within("number of relative buckets", config.relative_buckets, 0, kLargestSize);
  if (config.relative_buckets > 0) {
    // Half of the buckets are for keys after the query, and half of those for exact distances.
    check_within("number of relative buckets", config.relative_buckets, 4, kLargestSize);
    check_within("relative_max_distance", config.relative_max_distance, config.relative_buckets / 4 + 1, kLargestSize);
  }
  check_for_each_layer("rotary bases", config.rotary_thetas.size(), config.layers);
  check_for_each_layer("windows", config.windows.size(), config.layers);
  for (const double theta : config.rotary_thetas) {
    if (!(theta > 0)) throw invalid("the base of the text encoder's rotary positions must be positive");
  }
  for (const int64_t window : config.windows) check_within("attention window", window, 0, kLargestSize);
  if (!config.rotary_thetas.empty() && config.width_of_head() % 2 != 0) {
    throw invalid("the text encoder's head width " + std::to_string(config.width_of_head()) +
                  " is odd; rotary positions need an even one");
  }
}

}  // namespace

TextEncoderConfig checked(TextEncoderConfig config) {
  check_within("vocab_size", config.vocab_size, 1, kLargestSize);
  check_within("hidden_size", config.hidden_size, 1, kLargestSize);
  check_within("number of layers", config.layers, 1, kMaxLayers);
  check_within("number of heads", config.heads, 1, kLargestSize);
  check_within("intermediate_size", config.intermediate_size, 1, kLargestSize);
  check_within("max_positions", config.max_positions, 1, kLargestSize);
  check_within("type_vocab_size", config.type_vocab_size, 0, kLargestSize);
  check_within("head width", config.head_width, 0, kLargestSize);
  if (config.head_width == 0 && config.hidden_size % config.heads != 0) {
    throw invalid("the text encoder's hidden size " + std::to_string(config.hidden_size) +
                  " is not a multiple of its " + std::to_string(config.heads) + " heads");
  }
  check_within("width of all heads", config.inner_width(), 1, kLargestSize);
  if (!(config.layer_norm_eps >= 0)) throw invalid("the text encoder's layer_norm_eps must not be negative");
  check_positions(config);
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

}  // namespace dnd
