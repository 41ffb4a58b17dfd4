#include "model/decoder.h"

#include <algorithm>
#include <utility>

#include "core/status.h"
#include "model/decoder_pass.h"
#include "model/initialise.h"
#include "plan/adapter_layout.h"
#include "plan/decoder_plan.h"

namespace dnd {
namespace {

constexpr int64_t kFloat = sizeof(float);

/// What a decoder's passes are for; they begin their keys.
constexpr int64_t kForwardPass = 1, kAdaptersPass = 2, kProjectPass = 3;

/// Beyond this many floats sizes could no longer be counted; no machine holds them either.
constexpr double kMostElements = 1ull << 56;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

std::string text_of(const Feature& feature) {
  std::string text = "[";
  text += std::to_string(feature.tokens) + ", " + std::to_string(feature.height) + ", " + std::to_string(feature.width);
  return text += "]";
}

/// Of a convolution's weight, [out_channels, in_channels, k, k].
int64_t weight_bytes(const DndConvolution& c) {
  const int64_t channels = c.axis == kDndWidth ? c.width : c.axis == kDndHeight ? c.height : c.tokens;
  return c.out_channels * channels * c.kernel_size * c.kernel_size * kFloat;
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

Decoder::Decoder(DecoderConfig config, const DeviceChoice& device)
    : config_((check_config(config), std::move(config))), threads_(device.options.threads), device_(device) {
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

void Decoder::hold_projection() {
  const int64_t length = config_.features[0].height;
  device_.call(device_->hold_linear, projection_->down_weight, length, config_.projected_from);
  device_.call(device_->hold_values, projection_->down_bias, length);
  device_.call(device_->hold_linear, projection_->gate_weight, length, length);
  device_.call(device_->hold_values, projection_->gate_bias, length);
}

void Decoder::hold_values() {
  if (projection_) hold_projection();
  for (const Layer& layer : layers_) {
    device_.call(device_->hold_values, layer.norm_weight, layer.in.height * layer.in.width);
    device_.call(device_->hold_values, layer.norm_bias, layer.in.height * layer.in.width);
    device_.call(device_->hold_values, layer.path_bias, layer.out.height * layer.out.width);
    device_.call(device_->hold_values, layer.token_bias, layer.out.tokens);
  }
}

void Decoder::hold(int64_t batch, int64_t limit, int64_t keep_free, Job& job) {
  const DndControl control = cancel_only(job);
  hold_values();
  // Of what follows, at least the taps must fit beside a weight that is held as something larger.
  int64_t later = convolution_weight_bytes();
  for (const Layer& layer : layers_) {
    const std::vector<DndConvolution> steps = convolutions(layer, batch, limit);
    const std::vector<const float*> weights = convolution_weights(layer);
    for (size_t i = 0; i < steps.size(); ++i) {
      later -= weight_bytes(steps[i]);
      device_.call(device_->hold_convolution, &control, &steps[i], weights[i], keep_free + later);
    }
  }
}

int64_t Decoder::convolution_weight_bytes() const {
  int64_t bytes = 0;
  for (const Layer& layer : layers_) {
    for (const DndConvolution& step : convolutions(layer, 1, 0)) bytes += weight_bytes(step);
  }
  return bytes;
}

void Decoder::forget_what_was_written_since() {
  if (held_generation_ == parameters_.generation()) return;
  device_.call(device_->forget);
  held_generation_ = parameters_.generation();
}

void Decoder::prepare(Job& job) {
  forget_what_was_written_since();
  const int64_t limit = convolution_limit(1, kNoLimit, 0);
  hold(1, limit, pass_bytes(1, limit, 0), job);
  job.set_progress(1);
}

int64_t Decoder::smaller_workspace(int64_t batch, int64_t limit) const {
  const int64_t half = convolution_workspace(batch, limit) / 2;
  return std::max(half, convolution_workspace(batch, half));
}

void Decoder::run(const float* condition, int64_t batch, const DndAdapterLayout* layout, float* const* results,
                  Job& job, int64_t most) {
  check_batch(batch);
  const int64_t restored = layout != nullptr ? layout->elements : 0;
  int64_t limit = convolution_limit(batch, most, restored);
  if (convolution_workspace(batch, limit) > limit) {
    throw Error(ErrorCode::kOutOfMemory, "a forward pass over a batch of " + std::to_string(batch) + " needs " +
                                             std::to_string(workspace_bytes(batch, most, restored)) +
                                             " bytes of working memory, and " + std::to_string(most) + " are allowed");
  }
  const JobControl control(job, multiply_adds(batch));
  forget_what_was_written_since();
  for (bool forgotten = false;;) {
    try {
      hold(batch, limit, pass_bytes(batch, limit, restored), job);
      run_pass(condition, batch, layout, results, limit, control.table());
      break;
    } catch (const Error& error) {
      // What is free of a CPU's memory shall not change a plan, nor so the result.
      if (error.code() != ErrorCode::kOutOfMemory || on_cpu()) throw;
      const int64_t less = smaller_workspace(batch, limit);
      if (less < convolution_workspace(batch, limit)) {
        limit = less;
        continue;
      }
      if (forgotten) {
        throw Error(ErrorCode::kOutOfMemory,
                    "a forward pass over a batch of " + std::to_string(batch) + " needs " +
                        std::to_string(pass_bytes(batch, limit, restored)) +
                        " bytes of device memory beside the parameters at least: " + error.what());
      }
      // Held beside smaller passes, the parameters leave too little; there may be a smaller form of them.
      device_.call(device_->forget);
      forgotten = true;
    }
  }
  job.set_progress(1);
}

void Decoder::run_pass(const float* condition, int64_t batch, const DndAdapterLayout* layout, float* const* results,
                       int64_t limit, const DndControl* control) {
  const int64_t elements = config_.features.back().elements(), restored = layout != nullptr ? layout->elements : 0;
  const int64_t bytes = pass_bytes(batch, limit, restored);
  Pass pass(*this, batch, limit, key_of(batch, limit, layout), bytes, control);
  pass_bytes_ = std::max(pass_bytes_, bytes);
  DeviceArray x = pass.upload(condition, batch * config_.condition_elements());
  const DeviceArray tokens = pass.allocate(batch * elements);
  DeviceArray adapters;
  if (layout != nullptr) adapters = pass.allocate(batch * restored);
  if (projection_) x = pass.project_length(std::move(x));
  pass.decode(std::move(x), tokens.data());
  if (layout != nullptr) pass.restore(tokens.data(), *layout, adapters.data());
  pass.run();
  if (layout == nullptr) return pass.download(tokens.data(), batch * elements, results[0]);
  for (int64_t task = 0; task < batch; ++task) {
    pass.download(adapters.data() + task * restored, restored, results[task]);
  }
}

void Decoder::forward(const float* condition, int64_t batch, float* tokens, Job& job, int64_t limit) {
  run(condition, batch, nullptr, &tokens, job, limit);
}

void Decoder::adapters(const float* condition, int64_t batch, const DndAdapterLayout& layout, float* const* adapters,
                       Job& job, int64_t limit) {
  check_adapter_layout(layout);
  const Feature& last = config_.features.back();
  if (last.tokens != layout.tokens || last.height != layout.height || last.width != layout.width) {
    refuse("the adapter layout has weight tokens " + text_of({layout.tokens, layout.height, layout.width}) +
           ", and the decoder gives " + text_of(last));
  }
  run(condition, batch, &layout, adapters, job, limit);
}

void Decoder::project(const float* condition, int64_t batch, float* projected, Job& job) {
  check_batch(batch);
  if (!projection_) refuse("this decoder has no length projection");
  const JobControl control(job, projection_multiply_adds(batch));
  forget_what_was_written_since();
  hold_projection();
  const int64_t elements = batch * config_.features.front().elements();
  Pass pass(*this, batch, 0, pass_key({kProjectPass, batch}), projection_bytes(batch), control.table());
  DeviceArray x = pass.upload(condition, batch * config_.condition_elements());
  const DeviceArray result = pass.project_length(std::move(x));
  pass.run();
  pass.download(result.data(), elements, projected);
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

uint64_t Decoder::key_of(int64_t batch, int64_t limit, const DndAdapterLayout* layout) const {
  if (layout == nullptr) return pass_key({kForwardPass, batch, limit});
  uint64_t tensors = 0;
  for (int64_t i = 0; i < layout->tensor_count; ++i) {
    const DndAdapterTensor& t = layout->tensors[i];
    tensors = pass_key({static_cast<int64_t>(tensors), t.first_token, t.tokens, t.length, t.transposed, t.offset});
  }
  return pass_key(
      {kAdaptersPass, batch, limit, layout->rank, layout->chunk, layout->elements, static_cast<int64_t>(tensors)});
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

int64_t Decoder::activation_bytes(int64_t batch, int64_t restored) const {
  int64_t most = 0;
  for (const Layer& layer : layers_) {
    const std::vector<DndConvolution> steps = convolutions(layer, 1, 0);
    const int64_t x = layer.in.elements(), kept = layer.has_residual() ? x : 0, moments = 3 * layer.in.tokens;
    const int64_t first = elements_after(steps[0]), a = elements_after(steps[1]), p = elements_after(steps[2]);
    // The last layer's result has its place already.
    const int64_t s = elements_after(steps[3]), y = &layer == &layers_.back() ? 0 : elements_after(steps[4]);
    // As Pass::apply allocates and frees.
    most = std::max({most, x + moments + first + a, x + moments + a + p, kept + a + p + s, kept + s + y});
  }
  return (most + config_.features.back().elements() + restored) * batch * kFloat;
}

int64_t Decoder::projection_bytes(int64_t batch) const {
  if (!projection_) return 0;
  const Feature& first = config_.features.front();
  const int64_t longest = std::max(config_.projected_from, first.height);
  return batch * first.tokens * first.width * (longest + first.height) * kFloat;
}

int64_t Decoder::convolution_limit(int64_t batch, int64_t limit, int64_t restored) const {
  return std::clamp<int64_t>(limit - activation_bytes(batch, restored), 0, PlanOptions::kDefaultWorkspaceBytes);
}

int64_t Decoder::pass_bytes(int64_t batch, int64_t limit, int64_t restored) const {
  const int64_t results = batch * (config_.features.back().elements() + restored) * kFloat;
  return std::max(activation_bytes(batch, restored) + convolution_workspace(batch, limit),
                  projection_bytes(batch) + results);
}

int64_t Decoder::workspace_bytes(int64_t batch, int64_t limit, int64_t restored) const {
  check_batch(batch);
  return pass_bytes(batch, convolution_limit(batch, limit, restored), restored);
}

}  // namespace dnd
