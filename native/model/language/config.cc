#include "model/language/config.h"

#include <cmath>
#include <string>

#include "core/status.h"

namespace dnd {
namespace {

constexpr int64_t kLargestSize = 1 << 24;
constexpr int64_t kMaxLayers = 4096;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

}  // namespace

void check_config(const CausalConfig& config) {
  const auto within = [](const char* name, int64_t value, int64_t largest) {
    if (value >= 1 && value <= largest) return;
    refuse("the language model's " + std::string(name) + " is " + std::to_string(value) +
           "; it must be a whole number from 1 to " + std::to_string(largest));
  };
  within("vocab_size", config.vocab_size, kLargestSize);
  within("hidden_size", config.hidden_size, kLargestSize);
  within("number of layers", config.layers, kMaxLayers);
  within("number of heads", config.heads, kLargestSize);
  within("number of key-value heads", config.kv_heads, kLargestSize);
  within("head width", config.head_width, kLargestSize);
  within("intermediate_size", config.intermediate_size, kLargestSize);
  within("max_positions", config.max_positions, kLargestSize);
  within("query width", config.query_width(), kLargestSize);
  if (config.heads % config.kv_heads != 0) {
    refuse("the language model's " + std::to_string(config.heads) + " heads are not a multiple of its " +
           std::to_string(config.kv_heads) + " key-value heads");
  }
  if (config.head_width % 2 != 0) {
    refuse("the language model's head width " + std::to_string(config.head_width) + " is odd; it must be even");
  }
  if (!(config.rms_norm_eps >= 0)) refuse("the language model's rms_norm_eps must not be negative");
  if (static_cast<int64_t>(config.windows.size()) != config.layers) {
    refuse("there are " + std::to_string(config.windows.size()) + " windows; there must be one for each of " +
           std::to_string(config.layers) + " layers");
  }
  for (const int64_t window : config.windows) {
    if (window < 0) refuse("a window is " + std::to_string(window) + "; it must be positive, or 0 for none");
  }
  if (static_cast<int64_t>(config.inverse_frequencies.size()) != config.head_width / 2) {
    refuse("there are " + std::to_string(config.inverse_frequencies.size()) + " inverse frequencies; there must be " +
           std::to_string(config.head_width / 2) + ", half of the head width");
  }
  for (const double frequency : config.inverse_frequencies) {
    if (!std::isfinite(frequency)) refuse("every inverse frequency must be finite");
  }
}

ModuleSize size_of(const CausalConfig& config, Module module) {
  switch (module) {
    case Module::kQuery: return {config.query_width(), config.hidden_size};
    case Module::kKey:
    case Module::kValue: return {config.key_value_width(), config.hidden_size};
    case Module::kOutput: return {config.hidden_size, config.query_width()};
    case Module::kUp:
    case Module::kGate: return {config.intermediate_size, config.hidden_size};
    case Module::kDown: break;
  }
  return {config.hidden_size, config.intermediate_size};
}

}  // namespace dnd
