#include "model/decoder_model.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/status.h"

namespace dnd {
namespace {

/// Keeps size arithmetic from overflowing; more than any machine's memory.
constexpr double kMaxElements = 1ull << 56;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

/// Upper bound on the elements of every array that a layer computes for one task.
double max_elements(const Feature& in, const Feature& out) {
  return static_cast<double>(std::max(in.tokens, out.tokens)) * static_cast<double>(std::max(in.height, out.height)) *
         static_cast<double>(std::max(in.width, out.width));
}

void check_config(const DecoderConfig& config) {
  if (config.features.size() < 2) {
    refuse("a decoder needs at least two features, the condition's and the weight tokens'; there are " +
           std::to_string(config.features.size()));
  }
  for (size_t i = 0; i < config.features.size(); ++i) {
    const Feature& feature = config.features[i];
    if (feature.tokens < 1 || feature.height < 1 || feature.width < 1) {
      refuse("feature " + std::to_string(i) + " is " + text_of(feature) + "; every size must be at least 1");
    }
    if (i > 0 && max_elements(config.features[i - 1], feature) > kMaxElements) {
      refuse("features " + text_of(config.features[i - 1]) + " and " + text_of(feature) +
             " together: size overflow");
    }
  }
  if (config.kernel_size < 1 || config.kernel_size % 2 == 0) {
    refuse("the kernel size is " + std::to_string(config.kernel_size) + "; it must be odd and positive");
  }
  if (config.projected_from < 0) {
    refuse("the length before the projection is " + std::to_string(config.projected_from) +
           "; it must be positive, or 0 for none");
  }
}

}  // namespace

DecoderModel::DecoderModel(DecoderConfig config, const DeviceChoice& device, MappedParameters mapped)
    : config_((check_config(config), std::move(config))), device_(device), parameters_(std::move(mapped)) {
  const int64_t k = config_.kernel_size;
  // Other devices take float32 to make their own form of it.
  const auto weight = [&](const std::string& name, std::vector<int64_t> shape) -> StoredValues {
    if (device_->host_memory != 0) return parameters_.add_stored(name, std::move(shape));
    return {parameters_.add(name, std::move(shape)), FloatType::kF32};
  };
  for (size_t i = 0; i + 1 < config_.features.size(); ++i) {
    const Feature in = config_.features[i], out = config_.features[i + 1];
    const std::string name = "decoder.module_list." + std::to_string(i) + ".";
    DecoderLayer layer{};
    layer.in = in;
    layer.out = out;
    layer.norm_weight = parameters_.add(name + "linear1.norm.weight", {in.height, in.width});
    layer.norm_bias = parameters_.add(name + "linear1.norm.bias", {in.height, in.width});
    layer.path_bias = parameters_.add(name + "linear1.bias", {out.height, out.width});
    layer.conv1w = weight(name + "linear1.conv1w.weight", {out.width, in.width, k, k});
    layer.conv1h = weight(name + "linear1.conv1h.weight", {out.height, in.height, k, k});
    layer.conv2w = weight(name + "linear1.conv2w.weight", {out.width, in.width, k, k});
    layer.conv2h = weight(name + "linear1.conv2h.weight", {out.height, in.height, k, k});
    layer.token_weight = weight(name + "linear2.weight", {out.tokens, in.tokens, k, k});
    layer.token_bias = parameters_.add(name + "linear2.bias", {out.tokens});
    layers_.push_back(layer);
  }
  if (config_.projected_from > 0) {
    const int64_t length = config_.features[0].height;
    LengthProjection projection{};
    projection.down_weight = parameters_.add("down_proj.weight", {length, config_.projected_from});
    projection.down_bias = parameters_.add("down_proj.bias", {length});
    projection.gate_weight = parameters_.add("gate_proj.weight", {length, length});
    projection.gate_bias = parameters_.add("gate_proj.bias", {length});
    projection_ = projection;
  }
}

void DecoderModel::check_batch(int64_t batch) const {
  if (batch < 1) refuse("the batch is " + std::to_string(batch) + "; it must be at least 1");
  for (const DecoderLayer& layer : layers_) {
    if (max_elements(layer.in, layer.out) * static_cast<double>(batch) > kMaxElements) {
      refuse("a batch of " + std::to_string(batch) + ": size overflow");
    }
  }
}

void DecoderModel::invalidate_stale() {
  if (resident_generation_ == parameters_.generation()) return;
  device_.call(device_->invalidate);
  resident_generation_ = parameters_.generation();
}

void DecoderModel::upload_projection() const {
  const int64_t length = config_.features[0].height;
  device_.call(device_->upload_linear, DndWeight{projection_->down_weight}, length, config_.projected_from);
  device_.call(device_->upload_values, projection_->down_bias, length);
  device_.call(device_->upload_linear, DndWeight{projection_->gate_weight}, length, length);
  device_.call(device_->upload_values, projection_->gate_bias, length);
}

void DecoderModel::upload_values() const {
  if (projection_) upload_projection();
  for (const DecoderLayer& layer : layers_) {
    device_.call(device_->upload_values, layer.norm_weight, layer.in.height * layer.in.width);
    device_.call(device_->upload_values, layer.norm_bias, layer.in.height * layer.in.width);
    device_.call(device_->upload_values, layer.path_bias, layer.out.height * layer.out.width);
    device_.call(device_->upload_values, layer.token_bias, layer.out.tokens);
  }
}

}  // namespace dnd
