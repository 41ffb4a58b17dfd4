#include "plan.h"

#include <cstdint>
#include <string>
#include <vector>

#include "arguments.h"
#include "decoder_arguments.h"
#include "failure.h"
#include "plan/decoder_plan.h"

namespace dnd::bindings {
namespace {

constexpr double kFlopPerMultiplyAdd = 2;

void check_sizes(const Argument& options, const std::vector<Feature>& features) {
  for (const Feature& feature : features) {
    for (int64_t size : {feature.tokens, feature.height, feature.width}) {
      if (size <= kLargestSize) continue;
      options.field("features").refuse("sizes ≤ " + std::to_string(kLargestSize), std::to_string(size));
    }
  }
}

/// An object that takes numbers of every kind, and whatever else JavaScript has.
class Fields {
 public:
  explicit Fields(Napi::Env env) : object_(Napi::Object::New(env)) {}

  Fields& set(const char* name, int64_t value) { return set(name, static_cast<double>(value)); }
  Fields& set(const char* name, const char* value) { return set(name, std::string(value)); }
  Fields& set(const char* name, const Fields& value) { return set(name, value.object_); }
  template <class Value>
  Fields& set(const char* name, const Value& value) {
    object_.Set(name, value);
    return *this;
  }

  Napi::Object object() const { return object_; }

 private:
  Napi::Object object_;
};

const char* axis_of(LayerConvolution convolution) {
  switch (convolution) {
    case LayerConvolution::kWidthFirst:
    case LayerConvolution::kThenWidth: return "width";
    case LayerConvolution::kHeightFirst:
    case LayerConvolution::kThenHeight: return "height";
    case LayerConvolution::kTokens: break;
  }
  return "token";
}

std::string weight_of(LayerConvolution convolution) {
  const std::string name = name_of(convolution);
  return convolution == LayerConvolution::kTokens ? name : "linear1." + name;
}

Napi::Value tiling_of(Napi::Env env, const ConvolutionPlan& plan) {
  if (plan.algorithm == Algorithm::kDirect) return env.Null();
  const SpectralPlan& spectral = plan.spectral;
  const TileAxis& i = spectral.halved_is_i ? spectral.halved : spectral.full;
  const TileAxis& j = spectral.halved_is_i ? spectral.full : spectral.halved;
  const int64_t tiles = plan.shape.batch * spectral.picture_tiles();
  return Fields(env)
      .set("pointsI", i.points)
      .set("pointsJ", j.points)
      .set("halved", spectral.halved_is_i ? "i" : "j")
      .set("tilesI", i.tiles())
      .set("tilesJ", j.tiles())
      .set("tiles", tiles)
      .set("chunkTiles", spectral.chunk_tiles)
      .set("chunks", divide_up(tiles, spectral.chunk_tiles))
      .set("slabChannels", spectral.slab_channels)
      .set("slabSteps", spectral.slab_steps)
      .set("blockOutputChannels", spectral.block_outs)
      .object();
}

Fields seconds_of(Napi::Env env, const ConvolutionPlan& plan) {
  const auto parts = [&]() -> Napi::Value {
    if (plan.algorithm == Algorithm::kDirect) return env.Null();
    const SpectralCost& cost = plan.spectral_cost;
    return Fields(env)
        .set("forward", cost.forward)
        .set("weights", cost.weights)
        .set("product", cost.product)
        .set("inverse", cost.inverse)
        .object();
  };
  return Fields(env).set("threadSeconds", plan.seconds()).set("parts", parts());
}

Fields bytes_of(Napi::Env env, const ConvolutionPlan& plan) {
  const ConvolutionShape& shape = plan.shape;
  const auto floats = [](auto... sizes) { return (double{sizeof(float)} * ... * static_cast<double>(sizes)); };
  return Fields(env)
      .set("weights", floats(shape.channels, shape.out_channels, shape.kernel, shape.kernel))
      .set("input", floats(shape.batch, shape.channels, shape.size_i, shape.size_j))
      .set("output", floats(shape.batch, shape.out_channels, shape.size_i, shape.size_j))
      .set("tileSpectra", plan.tile_spectra_bytes());
}

Napi::Array rejected_of(Napi::Env env, const ConvolutionPlan& plan) {
  const Napi::Array rejected = Napi::Array::New(env, plan.rejected.size());
  for (uint32_t i = 0; i < plan.rejected.size(); ++i) {
    const RejectedCandidate& each = plan.rejected[i];
    rejected.Set(i, Fields(env).set("candidate", each.candidate).set("reason", each.reason).object());
  }
  return rejected;
}

Napi::Object object_of(Napi::Env env, const PlannedConvolution& planned) {
  const ConvolutionPlan& plan = planned.plan;
  return Fields(env)
      .set("layer", planned.layer)
      .set("weight", weight_of(planned.convolution))
      .set("axis", axis_of(planned.convolution))
      .set("batch", plan.shape.batch)
      .set("channels", plan.shape.channels)
      .set("outputChannels", plan.shape.out_channels)
      .set("sizeI", plan.shape.size_i)
      .set("sizeJ", plan.shape.size_j)
      .set("kernelSize", plan.shape.kernel)
      .set("algorithm", plan.algorithm == Algorithm::kDirect ? "direct" : "spectral")
      .set("tiling", tiling_of(env, plan))
      .set("executedFlop", kFlopPerMultiplyAdd * plan.executed_multiply_adds())
      .set("directFlop", kFlopPerMultiplyAdd * plan.direct_multiply_adds())
      .set("bytes", bytes_of(env, plan))
      .set("predicted", seconds_of(env, plan))
      .set("rejected", rejected_of(env, plan))
      .object();
}

}  // namespace

Napi::Value plan_decoder(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const Argument argument(info, 0, "planDecoder", "options");
    const std::vector<Feature> features = read_features(argument);
    check_sizes(argument, features);
    const int64_t kernel = argument.field("kernelSize").integer(1, kLargestSize);
    const int64_t batch = argument.field("batch").integer(1, kLargestSize);
    const PlanOptions options = {argument.field("instructionSet").text(), read_algorithm(argument),
                                 read_workspace(argument)};
    const DecoderPlan plan = dnd::plan_decoder(features, kernel, batch, options);
    const Napi::Array convolutions = Napi::Array::New(env, plan.convolutions.size());
    for (uint32_t i = 0; i < plan.convolutions.size(); ++i) convolutions.Set(i, object_of(env, plan.convolutions[i]));
    return Fields(env)
        .set("workspaceBytes", options.workspace_bytes)
        .set("convolutions", convolutions)
        .set("threadSeconds", plan.seconds())
        .set("executedFlop", kFlopPerMultiplyAdd * plan.executed_multiply_adds())
        .set("directFlop", kFlopPerMultiplyAdd * plan.direct_multiply_adds())
        .set("largestTileSpectraBytes", plan.largest_tile_spectra_bytes())
        .object();
  });
}

}  // namespace dnd::bindings
