#include "model/decoder.h"

#include <algorithm>
#include <utility>

#include "core/convolution_work.h"
#include "core/status.h"
#include "model/initialise.h"
#include "model/job_control.h"

namespace dnd {
namespace {

constexpr float kNormEpsilon = 1e-5f;

/// Beyond this many floats sizes could no longer be counted; no machine holds them either.
constexpr double kMostElements = 1ull << 56;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

std::string text_of(const Feature& feature) {
  std::string text = "[";
  text += std::to_string(feature.tokens) + ", " + std::to_string(feature.height) + ", " + std::to_string(feature.width);
  return text += "]";
}

/// Of everything that a layer computes for one task, the largest has at most as many elements.
double most_elements(const Feature& in, const Feature& out) {
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
    if (i > 0 && most_elements(config.features[i - 1], feature) > kMostElements) {
      refuse("features " + text_of(config.features[i - 1]) + " and " + text_of(feature) +
             " together are larger than any memory");
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

Decoder::Decoder(DecoderConfig config, int threads)
    : config_((check_config(config), std::move(config))),
      threads_(threads),
      device_(cpu_backend(), threads),
      parameters_(device_) {
  const int64_t k = config_.kernel_size;
  for (size_t i = 0; i + 1 < config_.features.size(); ++i) {
    const Feature in = config_.features[i], out = config_.features[i + 1];
    const std::string name = "decoder.module_list." + std::to_string(i) + ".";
    Layer layer{};
    layer.in = in;
    layer.out = out;
    layer.norm_weight = parameters_.add(name + "linear1.norm.weight", {in.height, in.width});
    layer.norm_bias = parameters_.add(name + "linear1.norm.bias", {in.height, in.width});
    layer.path_bias = parameters_.add(name + "linear1.bias", {out.height, out.width});
    layer.conv1w = parameters_.add(name + "linear1.conv1w.weight", {out.width, in.width, k, k});
    layer.conv1h = parameters_.add(name + "linear1.conv1h.weight", {out.height, in.height, k, k});
    layer.conv2w = parameters_.add(name + "linear1.conv2w.weight", {out.width, in.width, k, k});
    layer.conv2h = parameters_.add(name + "linear1.conv2h.weight", {out.height, in.height, k, k});
    layer.token_weight = parameters_.add(name + "linear2.weight", {out.tokens, in.tokens, k, k});
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

void Decoder::initialise(uint64_t seed, Job& job) { initialise_decoder(device_, parameters_, seed, threads_, job); }

/// One forward pass: the equations of docs/mathematics.md over device memory that lives as long as it is needed.
class Decoder::Pass {
 public:
  Pass(const Decoder& decoder, int64_t batch, const JobControl& control)
      : decoder_(decoder), device_(decoder.device_), batch_(batch), control_(control.table()) {}

  DeviceArray upload(const float* host, int64_t elements) const {
    DeviceArray array(device_, elements);
    device_.call(device_->upload, array.memory(), static_cast<const void*>(host), elements * sizeof(float));
    return array;
  }

  void download(const DeviceArray& array, int64_t elements, float* host) const {
    device_.call(device_->synchronise);
    device_.call(device_->download, static_cast<void*>(host), static_cast<const void*>(array.memory()),
                 elements * sizeof(float));
  }

  void reserve_workspace() { workspace_ = DeviceArray::of_bytes(device_, decoder_.convolution_workspace(batch_)); }

  /// [B, N, L, W] is read as [B, N, W, L], not transposed: that is how the reference was trained.
  DeviceArray project_length(DeviceArray condition) const {
    const LengthProjection& p = *decoder_.projection_;
    const Feature& first = decoder_.config_.features[0];
    const int64_t rows = batch_ * first.tokens * first.width;
    const DeviceArray shorter = linear(condition, rows, decoder_.config_.projected_from, p.down_weight, p.down_bias);
    condition.reset();
    return linear(shorter, rows, first.height, p.gate_weight, p.gate_bias);
  }

  /// s = (convH(convW(x̂; K1w); K1h) + tanh(convW(convH(x̂; K2h); K2w)) + bias) / 3,  y = convN(s; KN) + biasN (+ x)
  DeviceArray apply(const Layer& layer, DeviceArray x) const {
    const std::vector<Convolution> steps = convolutions(layer);
    DeviceArray normalised = layer_norm(layer, x);
    if (!layer.has_residual()) x.reset();
    DeviceArray a = convolve(steps[1], convolve(steps[0], normalised, layer.conv1w), layer.conv1h);
    DeviceArray p = convolve(steps[2], normalised, layer.conv2h);
    normalised.reset();
    p = convolve(steps[3], p, layer.conv2w);
    const int64_t columns = layer.out.height * layer.out.width;
    device_.call(device_->merge_paths, control_, a.data(), p.data(), layer.path_bias, batch_ * layer.in.tokens, columns,
                 a.data());
    p.reset();
    DeviceArray y = convolve(steps[4], a, layer.token_weight);
    device_.call(device_->add_bias_residual, control_, y.data(), layer.token_bias, x.data(), batch_, layer.out.tokens,
                 columns);
    return y;
  }

 private:
  DeviceArray linear(const DeviceArray& x, int64_t rows, int64_t in, const float* weight, const float* bias) const {
    const int64_t out = decoder_.config_.features[0].height;
    DeviceArray y(device_, rows * out);
    device_.call(device_->linear, control_, x.data(), rows, in, weight, bias, out, kDndNoActivation, nullptr, y.data());
    return y;
  }

  DeviceArray layer_norm(const Layer& layer, const DeviceArray& x) const {
    DeviceArray y(device_, batch_ * layer.in.elements());
    device_.call(device_->layer_norm, control_, x.data(), batch_ * layer.in.tokens, layer.in.height * layer.in.width,
                 layer.norm_weight, layer.norm_bias, kNormEpsilon, y.data());
    return y;
  }

  DeviceArray convolve(const Convolution& step, const DeviceArray& x, const float* weight) const {
    DeviceArray y(device_, batch_ * step.out().elements());
    device_.call(device_->convolution, control_, step.axis, x.data(), batch_, step.in.tokens, step.in.height,
                 step.in.width, weight, step.out_channels, decoder_.config_.kernel_size, y.data(), workspace_.memory());
    return y;
  }

  const Decoder& decoder_;
  const Device& device_;
  const int64_t batch_;
  const DndControl* control_;
  DeviceArray workspace_;
};

void Decoder::forward(const float* condition, int64_t batch, float* tokens, Job& job) {
  check_batch(batch);
  const JobControl control(job, multiply_adds(batch));
  Pass pass(*this, batch, control);
  const Feature& first = config_.features.front();
  DeviceArray x;
  if (projection_) {
    x = pass.project_length(pass.upload(condition, batch * first.tokens * config_.projected_from * first.width));
  } else {
    x = pass.upload(condition, batch * first.elements());
  }
  pass.reserve_workspace();
  for (const Layer& layer : layers_) x = pass.apply(layer, std::move(x));
  pass.download(x, batch * config_.features.back().elements(), tokens);
  job.set_progress(1);
}

void Decoder::project(const float* condition, int64_t batch, float* projected, Job& job) {
  check_batch(batch);
  if (!projection_) refuse("this decoder has no length projection");
  const JobControl control(job, projection_multiply_adds(batch));
  const Pass pass(*this, batch, control);
  const Feature& first = config_.features.front();
  const DeviceArray x =
      pass.project_length(pass.upload(condition, batch * first.tokens * config_.projected_from * first.width));
  pass.download(x, batch * first.elements(), projected);
  job.set_progress(1);
}

void Decoder::check_batch(int64_t batch) const {
  if (batch < 1) refuse("the batch is " + std::to_string(batch) + "; it must be at least 1");
  for (const Layer& layer : layers_) {
    if (most_elements(layer.in, layer.out) * static_cast<double>(batch) > kMostElements) {
      refuse("a batch of " + std::to_string(batch) + " is larger than any memory");
    }
  }
}

Feature Decoder::Convolution::out() const {
  switch (axis) {
    case kDndWidth: return {in.tokens, in.height, out_channels};
    case kDndHeight: return {in.tokens, out_channels, in.width};
    default: return {out_channels, in.height, in.width};
  }
}

std::vector<Decoder::Convolution> Decoder::convolutions(const Layer& layer) {
  const Feature &in = layer.in, &out = layer.out;
  const Feature merged = {in.tokens, out.height, out.width};
  return {{kDndWidth, in, out.width},
          {kDndHeight, {in.tokens, in.height, out.width}, out.height},
          {kDndHeight, in, out.height},
          {kDndWidth, {in.tokens, out.height, in.width}, out.width},
          {kDndToken, merged, out.tokens}};
}

double Decoder::projection_multiply_adds(int64_t batch) const {
  const Feature& first = config_.features.front();
  return static_cast<double>(batch * first.tokens * first.width) * static_cast<double>(first.height) *
         static_cast<double>(config_.projected_from + first.height);
}

double Decoder::multiply_adds(int64_t batch) const {
  double total = projection_ ? projection_multiply_adds(batch) : 0;
  for (const Layer& layer : layers_) {
    for (const Convolution& step : convolutions(layer)) {
      const auto [n, h, w] = step.in;
      const int64_t channels = step.axis == kDndWidth ? w : step.axis == kDndHeight ? h : n;
      const int64_t i = step.axis == kDndHeight ? n : h, j = step.axis == kDndWidth ? n : w;
      total += batch * convolution_multiply_adds(channels, step.out_channels, i, j, config_.kernel_size);
    }
  }
  return total;
}

size_t Decoder::convolution_workspace(int64_t batch) const {
  size_t most = 0;
  for (const Layer& layer : layers_) {
    for (const Convolution& step : convolutions(layer)) {
      size_t bytes = 0;
      device_.call(device_->convolution_workspace, step.axis, batch, step.in.tokens, step.in.height, step.in.width,
                   step.out_channels, config_.kernel_size, &bytes);
      most = std::max(most, bytes);
    }
  }
  return most;
}

int64_t Decoder::workspace_bytes(int64_t batch) const {
  check_batch(batch);
  int64_t most = 0;
  for (const Layer& layer : layers_) {
    const std::vector<Convolution> steps = convolutions(layer);
    const int64_t x = layer.in.elements(), kept = layer.has_residual() ? x : 0;
    const int64_t merged = steps[3].out().elements(), y = layer.out.elements();
    const int64_t first = steps[0].out().elements(), second = steps[2].out().elements();
    // As `apply` allocates and frees: at the norm, at both convolutions of both paths, at the tokens.
    most = std::max({most, x + x, kept + x + first + merged, kept + x + merged + second,
                     kept + merged + second + merged, kept + merged + y});
  }
  int64_t bytes =
      most * batch * static_cast<int64_t>(sizeof(float)) + static_cast<int64_t>(convolution_workspace(batch));
  if (projection_) {
    const Feature& first = config_.features.front();
    const int64_t rows = batch * first.tokens * first.width;
    bytes = std::max(bytes, rows * (config_.projected_from + 2 * first.height) * static_cast<int64_t>(sizeof(float)));
  }
  return bytes;
}

}  // namespace dnd
