#include "plan.h"

#include <cstdint>
#include <vector>

#include "arguments.h"
#include "decoder_arguments.h"
#include "failure.h"
#include "plan/decoder_plan.h"
#include "plan_fields.h"

namespace dnd::bindings {
namespace {

Napi::Value tiling_of(Napi::Env env, const ConvolutionPlan& plan) {
  if (plan.algorithm == Algorithm::kDirect) return env.Null();
  const SpectralPlan& spectral = plan.spectral;
  const TileAxis& i = spectral.halved_is_i ? spectral.halved : spectral.full;
  const TileAxis& j = spectral.halved_is_i ? spectral.full : spectral.halved;
  const int64_t tiles = plan.shape.batch * spectral.plane_tiles();
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

Napi::Object object_of(Napi::Env env, const PlannedConvolution& planned) {
  const ConvolutionPlan& plan = planned.plan;
  return convolution_fields(env, planned.layer, planned.convolution, plan.shape, plan.algorithm)
      .set("tiling", tiling_of(env, plan))
      .set("executedFlop", kFlopPerMultiplyAdd * plan.executed_multiply_adds())
      .set("directFlop", kFlopPerMultiplyAdd * plan.direct_multiply_adds())
      .set("bytes", operand_bytes(env, plan.shape).set("tileSpectra", plan.tile_spectra_bytes()))
      .set("predicted", seconds_of(env, plan))
      .set("rejected", rejected_of(env, plan.rejected))
      .object();
}

}  // namespace

Napi::Value plan_decoder(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const Argument argument(info, 0, "planDecoder", "options");
    const std::vector<Feature> features = read_planned_features(argument);
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
