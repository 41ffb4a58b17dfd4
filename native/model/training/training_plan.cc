#include "model/training/training_plan.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

#include "model/training/training_pass.h"
#include "plan/convolution_plan.h"
#include "plan/decoder_plan.h"

namespace dnd {
namespace {

constexpr int64_t kMinWorkspaceBytes = int64_t{1} << 10;

/// The largest workspace of all convolutions and gradients; larger than `limit` if that is too low.
int64_t workspace_bytes(const DecoderModel& model, int64_t batch, int64_t limit) {
  const Device& device = model.device();
  int64_t largest = 0;
  const auto ask = [&](auto operation, const DndConvolution& convolution) {
    largest = std::max(largest, workspace_of(device, operation, convolution));
  };
  for (const DecoderLayer& layer : model.layers()) {
    const auto steps = convolutions_of(layer, model.config(), batch, limit, Activations::kSaved);
    for (const DndConvolution& step : steps) {
      ask(device->convolution_workspace, step);
      ask(device->training->weight_gradient_workspace, step);
    }
    for (const DndConvolution& step : input_gradient_convolutions(steps)) ask(device->convolution_workspace, step);
  }
  return largest;
}

/// The first sufficient limit for every workspace: `limit`, or a larger power of two, at most twice what is needed plus
/// 1 MiB.
int64_t sufficient_limit(const DecoderModel& model, int64_t batch, int64_t limit) {
  for (;;) {
    const int64_t bytes = workspace_bytes(model, batch, limit);
    if (bytes <= limit) return limit;
    limit = std::max(2 * limit, static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(bytes))));
  }
}

int64_t counted_bytes(const DecoderModel& model, const TrainingPlan& plan) {
  const float any = 1;  // not read
  PassMemory counted;
  TrainingPass pass(model, plan, nullptr, {counted});
  pass.run({.condition = nullptr,
            .target = &any,
            .importance = &any,
            .batch = plan.batch,
            .output_gradient = plan.output_gradient ? &any : nullptr},
           nullptr);
  return counted.block_bytes();
}

/// Multiply-adds of recomputing a layer's inner activations.
double recomputed_multiply_adds(const DecoderLayer& layer, const DecoderConfig& config, int64_t batch) {
  double sum = 0;
  for (LayerConvolution convolution : kLayerConvolutions) {
    if (convolution == LayerConvolution::kTokens) continue;
    sum += direct_multiply_adds(shape_of(convolution, layer.in, layer.out, config.kernel_size, batch));
  }
  return sum;
}

int64_t inner_elements(const DecoderLayer& layer) {
  const Feature &in = layer.in, &out = layer.out;
  return in.tokens * (3 + in.height * out.width + out.height * in.width + 2 * out.height * out.width);
}

/// Layers by the recomputation that saving avoids per byte, most first.
std::vector<size_t> layers_by_saved_work(const DecoderModel& model) {
  std::vector<double> saved;
  for (const DecoderLayer& layer : model.layers()) {
    saved.push_back(recomputed_multiply_adds(layer, model.config(), 1) / static_cast<double>(inner_elements(layer)));
  }
  std::vector<size_t> order(saved.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return saved[a] > saved[b]; });
  return order;
}

}  // namespace

int64_t TrainingPlan::saved_layers() const { return std::count(saved.begin(), saved.end(), true); }

TrainingPlan plan_training_pass(const DecoderModel& model, int64_t batch, int64_t available, bool output_gradient) {
  TrainingPlan plan{
      .batch = batch, .output_gradient = output_gradient, .saved = std::vector<bool>(model.layers().size(), false)};
  const int64_t min_bytes = counted_bytes(model, plan);
  plan.convolution_limit = sufficient_limit(model, batch, PlanOptions::kDefaultWorkspaceBytes);
  while (plan.convolution_limit > kMinWorkspaceBytes && plan.convolution_limit > available - min_bytes) {
    plan.convolution_limit /= 2;
  }
  plan.workspace_bytes = workspace_bytes(model, batch, plan.convolution_limit);
  plan.fits = plan.workspace_bytes <= plan.convolution_limit && plan.convolution_limit <= available - min_bytes;
  if (!plan.fits) {
    plan.convolution_limit = sufficient_limit(model, batch, plan.convolution_limit);
    plan.bytes = min_bytes + plan.convolution_limit;
    return plan;
  }
  plan.bytes = counted_bytes(model, plan);
  for (const size_t layer : layers_by_saved_work(model)) {
    plan.saved[layer] = true;
    const int64_t bytes = counted_bytes(model, plan);
    if (bytes <= available) {
      plan.bytes = bytes;
    } else {
      plan.saved[layer] = false;
    }
  }
  return plan;
}

double multiply_adds_of(const DecoderModel& model, const TrainingPlan& plan) {
  const DecoderConfig& config = model.config();
  double sum = 0;
  for (size_t i = 0; i < model.layers().size(); ++i) {
    const DecoderLayer& layer = model.layers()[i];
    for (LayerConvolution convolution : kLayerConvolutions) {  // itself, and the gradients of its input and its weight
      sum += 3 * direct_multiply_adds(shape_of(convolution, layer.in, layer.out, config.kernel_size, plan.batch));
    }
    if (!plan.saved[i]) sum += recomputed_multiply_adds(layer, config, plan.batch);
  }
  if (model.projection() != nullptr) {
    const Feature& first = config.features.front();
    const double rows = static_cast<double>(plan.batch * first.tokens * first.width);
    const double down = static_cast<double>(config.projected_from * first.height);
    const double gate = static_cast<double>(first.height * first.height);
    sum += rows * (2 * down + 3 * gate);  // the gradient of down_proj's input is not computed
  }
  return sum;
}

std::vector<DndConvolution> input_gradient_convolutions(const std::vector<DndConvolution>& forward) {
  std::vector<DndConvolution> backward = forward;
  for (DndConvolution& step : backward) {
    int64_t& channels = step.axis == kDndWidth ? step.width : step.axis == kDndHeight ? step.height : step.tokens;
    std::swap(channels, step.out_channels);
    step.normalised = 0;
    step.epilogue = kDndStore;
    step.transposed_weight = 1;
  }
  backward[2].epilogue = kDndAdd;
  return backward;
}

}  // namespace dnd
