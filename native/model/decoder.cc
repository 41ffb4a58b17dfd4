#include "model/decoder.h"

#include <algorithm>
#include <utility>

#include "core/status.h"
#include "model/initialise.h"
#include "model/job_control.h"
#include "plan/decoder_plan.h"

namespace dnd {
namespace {

constexpr float kNormEpsilon = 1e-5f;
constexpr int64_t kFloat = sizeof(float);

/// Beyond this many floats sizes could no longer be counted; no machine holds them either.
constexpr double kMostElements = 1ull << 56;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

std::string text_of(const Feature& feature) {
  std::string text = "[";
  text += std::to_string(feature.tokens) + ", " + std::to_string(feature.height) + ", " + std::to_string(feature.width);
  return text += "]";
}

/// Elements of a convolution's result.
int64_t elements_after(const DndConvolution& c) {
  const int64_t elements = c.batch * c.out_channels;
  switch (c.axis) {
    case kDndWidth: return elements * c.tokens * c.height;
    case kDndHeight: return elements * c.tokens * c.width;
    case kDndToken: break;
  }
  return elements * c.height * c.width;
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
      device_(threads) {
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

void Decoder::initialise(uint64_t seed, Job& job) { initialise_decoder(parameters_, seed, threads_, job); }

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

  /// `limit`: of what workspace_bytes counts.
  void reserve_workspace(int64_t limit) {
    limit_ = decoder_.convolution_limit(batch_, limit);
    const int64_t bytes = decoder_.convolution_workspace(batch_, limit_);
    if (bytes > limit_) {
      throw Error(ErrorCode::kOutOfMemory, "a forward pass over a batch of " + std::to_string(batch_) + " needs " +
                                               std::to_string(decoder_.activation_bytes(batch_) + bytes) +
                                               " bytes of working memory, and " + std::to_string(limit) +
                                               " are allowed");
    }
    workspace_ = DeviceArray::of_bytes(device_, bytes);
  }

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
    const std::vector<DndConvolution> steps = decoder_.convolutions(layer, batch_, limit_);
    DeviceArray a, p;
    {
      const DeviceArray moments = this->moments(layer, x);
      const DndConvolutionOperands normalised = {
          .x = x.data(), .moments = moments.data(), .norm_weight = layer.norm_weight, .norm_bias = layer.norm_bias};
      a = convolve(steps[0], normalised, layer.conv1w);
      a = convolve(steps[1], {.x = a.data()}, layer.conv1h);
      p = convolve(steps[2], normalised, layer.conv2h);
    }
    if (!layer.has_residual()) x.reset();
    const DeviceArray s =
        convolve(steps[3], {.x = p.data(), .addend = a.data(), .bias = layer.path_bias}, layer.conv2w);
    a.reset();
    p.reset();
    return convolve(steps[4], {.x = s.data(), .addend = x.data(), .bias = layer.token_bias}, layer.token_weight);
  }

 private:
  DeviceArray linear(const DeviceArray& x, int64_t rows, int64_t in, const float* weight, const float* bias) const {
    const int64_t out = decoder_.config_.features[0].height;
    DeviceArray y(device_, rows * out);
    device_.call(device_->linear, control_, x.data(), rows, in, weight, bias, out, kDndNoActivation, nullptr, y.data());
    return y;
  }

  DeviceArray moments(const Layer& layer, const DeviceArray& x) const {
    DeviceArray moments(device_, batch_ * layer.in.tokens * 3);
    device_.call(device_->moments, control_, x.data(), batch_ * layer.in.tokens, layer.in.height * layer.in.width,
                 kNormEpsilon, moments.data());
    return moments;
  }

  DeviceArray convolve(const DndConvolution& step, DndConvolutionOperands operands, const float* weight) const {
    DeviceArray y(device_, elements_after(step));
    operands.weight = weight;
    operands.y = y.data();
    operands.workspace = workspace_.memory();
    device_.call(device_->convolution, control_, &step, &operands);
    return y;
  }

  const Decoder& decoder_;
  const Device& device_;
  const int64_t batch_;
  const DndControl* control_;
  int64_t limit_ = 0;
  DeviceArray workspace_;
};

void Decoder::forward(const float* condition, int64_t batch, float* tokens, Job& job, int64_t limit) {
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
  pass.reserve_workspace(limit);
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

std::vector<DndConvolution> Decoder::convolutions(const Layer& layer, int64_t batch, int64_t limit) const {
  const auto [n, h, w] = layer.in;
  const Feature& out = layer.out;
  const auto step = [&](DndAxis axis, int64_t height, int64_t width, int64_t out_channels, bool normalised,
                        DndEpilogue epilogue) {
    return DndConvolution{
        axis, batch, n, height, width, out_channels, config_.kernel_size, normalised, epilogue, config_.algorithm,
        limit};
  };
  return {step(kDndWidth, h, w, out.width, true, kDndStore),
          step(kDndHeight, h, out.width, out.height, false, kDndStore),
          step(kDndHeight, h, w, out.height, true, kDndStore),
          step(kDndWidth, out.height, w, out.width, false, kDndMergePaths),
          step(kDndToken, out.height, out.width, out.tokens, false, kDndTokenBias)};
}

double Decoder::projection_multiply_adds(int64_t batch) const {
  const Feature& first = config_.features.front();
  return static_cast<double>(batch * first.tokens * first.width) * static_cast<double>(first.height) *
         static_cast<double>(config_.projected_from + first.height);
}

double Decoder::multiply_adds(int64_t batch) const {
  double total = projection_ ? projection_multiply_adds(batch) : 0;
  for (const Layer& layer : layers_) {
    for (LayerConvolution convolution : kLayerConvolutions) {
      total += direct_multiply_adds(shape_of(convolution, layer.in, layer.out, config_.kernel_size, batch));
    }
  }
  return total;
}

int64_t Decoder::convolution_workspace(int64_t batch, int64_t limit) const {
  int64_t most = 0;
  for (const Layer& layer : layers_) {
    for (const DndConvolution& step : convolutions(layer, batch, limit)) {
      int64_t bytes = 0, sufficient = 0;
      try {
        device_.call(device_->convolution_workspace, &step, &bytes, &sufficient);
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kOutOfMemory) throw;
        bytes = sufficient;
      }
      most = std::max(most, bytes);
    }
  }
  return most;
}

int64_t Decoder::activation_bytes(int64_t batch) const {
  int64_t most = 0;
  for (const Layer& layer : layers_) {
    const std::vector<DndConvolution> steps = convolutions(layer, 1, 0);
    const int64_t x = layer.in.elements(), kept = layer.has_residual() ? x : 0, moments = 3 * layer.in.tokens;
    const int64_t first = elements_after(steps[0]), a = elements_after(steps[1]), p = elements_after(steps[2]);
    const int64_t s = elements_after(steps[3]), y = elements_after(steps[4]);
    // As Pass::apply allocates and frees.
    most = std::max({most, x + moments + first + a, x + moments + a + p, kept + a + p + s, kept + s + y});
  }
  return most * batch * kFloat;
}

int64_t Decoder::convolution_limit(int64_t batch, int64_t limit) const {
  return std::clamp<int64_t>(limit - activation_bytes(batch), 0, PlanOptions::kDefaultWorkspaceBytes);
}

int64_t Decoder::workspace_bytes(int64_t batch, int64_t limit) const {
  check_batch(batch);
  const int64_t activations = activation_bytes(batch);
  const int64_t bytes = activations + convolution_workspace(batch, convolution_limit(batch, limit));
  if (!projection_) return bytes;
  const Feature& first = config_.features.front();
  const int64_t rows = batch * first.tokens * first.width;
  return std::max(bytes, rows * (config_.projected_from + 2 * first.height) * kFloat);
}

}  // namespace dnd
