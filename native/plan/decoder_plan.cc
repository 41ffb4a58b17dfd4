#include "plan/decoder_plan.h"

#include <algorithm>

#include "core/status.h"

namespace dnd {

const char* name_of(LayerConvolution convolution) {
  switch (convolution) {
    case LayerConvolution::kWidthFirst: return "conv1w";
    case LayerConvolution::kThenHeight: return "conv1h";
    case LayerConvolution::kHeightFirst: return "conv2h";
    case LayerConvolution::kThenWidth: return "conv2w";
    case LayerConvolution::kTokens: return "linear2";
  }
  return "";
}

ConvolutionShape shape_of(LayerConvolution convolution, const Feature& from, const Feature& to, int64_t kernel,
                          int64_t batch) {
  switch (convolution) {
    case LayerConvolution::kWidthFirst: return {batch, from.width, to.width, from.height, from.tokens, kernel};
    case LayerConvolution::kThenHeight: return {batch, from.height, to.height, from.tokens, to.width, kernel};
    case LayerConvolution::kHeightFirst: return {batch, from.height, to.height, from.tokens, from.width, kernel};
    case LayerConvolution::kThenWidth: return {batch, from.width, to.width, to.height, from.tokens, kernel};
    case LayerConvolution::kTokens: return {batch, from.tokens, to.tokens, to.height, to.width, kernel};
  }
  throw Error(ErrorCode::kInternal, "unknown convolution of a layer");
}

std::vector<LayerStep> steps_of(const std::vector<Feature>& features, int64_t kernel, int64_t batch) {
  if (features.size() < 2) {
    throw Error(ErrorCode::kInvalidArgument,
                "plan: a decoder needs at least two features, its input's and its output's");
  }
  std::vector<LayerStep> steps;
  for (size_t layer = 0; layer + 1 < features.size(); ++layer) {
    for (LayerConvolution convolution : kLayerConvolutions) {
      steps.push_back({static_cast<int64_t>(layer), convolution,
                       shape_of(convolution, features[layer], features[layer + 1], kernel, batch)});
    }
  }
  return steps;
}

DecoderPlan plan_decoder(const std::vector<Feature>& features, int64_t kernel, int64_t batch,
                         const PlanOptions& options) {
  DecoderPlan plan;
  for (const auto& [layer, convolution, shape] : steps_of(features, kernel, batch)) {
    plan.convolutions.push_back({layer, convolution, plan_convolution(shape, options)});
  }
  return plan;
}

double DecoderPlan::sum(double (ConvolutionPlan::*of)() const) const {
  double sum = 0;
  for (const PlannedConvolution& planned : convolutions) sum += (planned.plan.*of)();
  return sum;
}

int64_t DecoderPlan::largest_tile_spectra_bytes() const {
  int64_t largest = 0;
  for (const PlannedConvolution& planned : convolutions) {
    largest = std::max(largest, planned.plan.tile_spectra_bytes());
  }
  return largest;
}

}  // namespace dnd
