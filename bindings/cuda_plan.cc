#include <cstdint>
#include <string>

#include "arguments.h"
#include "decoder_arguments.h"
#include "failure.h"
#include "plan.h"
#include "plan/cuda_decoder_plan.h"
#include "plan/cuda_encoder_cost.h"
#include "plan_fields.h"

namespace dnd::bindings {
namespace {

DndPrecision read_precision(const Argument& options) {
  constexpr DndPrecision kPrecisions[] = {kDndMixed, kDndFloat32};
  return kPrecisions[options.field("precision").choice({"mixed", "fp32"})];
}

Napi::Value tiling_of(Napi::Env env, const CudaConvolutionPlan& plan) {
  if (plan.algorithm == Algorithm::kDirect) return env.Null();
  const CudaTiling& tiling = plan.tiling;
  const TileAxis& i = tiling.halved_is_rows ? tiling.halved : tiling.full;
  const TileAxis& j = tiling.halved_is_rows ? tiling.full : tiling.halved;
  const CudaProductTile& tile = kCudaProductTiles[plan.product_tile];
  return Fields(env)
      .set("pointsI", i.points)
      .set("pointsJ", j.points)
      .set("halved", tiling.halved_is_rows ? "i" : "j")
      .set("tilesI", i.tiles())
      .set("tilesJ", j.tiles())
      .set("tiles", plan.tiles())
      .set("frequencies", tiling.frequencies())
      .set("chunkTiles", plan.chunk_tiles)
      .set("chunkOutputChannels", plan.chunk_outs)
      .set("chunks", plan.tile_chunks() * plan.out_chunks())
      .set("productTiles", int64_t{tile.tiles})
      .set("productOutputChannels", int64_t{tile.outs})
      .object();
}

Fields seconds_of(Napi::Env env, const CudaCost& cost) {
  return Fields(env)
      .set("scale", cost.scale)
      .set("forward", cost.forward)
      .set("weights", cost.weights)
      .set("product", cost.product)
      .set("inverse", cost.inverse)
      .set("direct", cost.direct);
}

Napi::Object object_of(Napi::Env env, const CudaPlannedConvolution& planned) {
  const CudaConvolutionPlan& plan = planned.plan;
  const Fields bytes =
      operand_bytes(env, plan.shape).set("held", planned.resident_bytes).set("workspace", plan.workspace_bytes);
  return convolution_fields(env, planned.layer, planned.convolution, plan.shape, plan.algorithm)
      .set("tiling", tiling_of(env, plan))
      .set("spectraHeld", planned.spectra_resident)
      .set("executedFlop", kFlopPerMultiplyAdd * plan.executed_multiply_adds())
      .set("directFlop", kFlopPerMultiplyAdd * plan.direct_multiply_adds())
      .set("bytes", bytes)
      .set("predicted", Fields(env).set("seconds", plan.cost.total()).set("parts", seconds_of(env, plan.cost)))
      .set("rejected", rejected_of(env, plan.rejected))
      .object();
}

}  // namespace

Napi::Value plan_cuda_decoder(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const Argument argument(info, 0, "planCudaDecoder", "options");
    const std::vector<Feature> features = read_planned_features(argument);
    const int64_t kernel = argument.field("kernelSize").integer(1, kLargestSize);
    const int64_t batch = argument.field("batch").integer(1, kLargestSize);
    CudaPlanOptions options;
    options.device_model = argument.field("deviceModel").text();
    options.algorithm = read_algorithm(argument);
    options.precision = read_precision(argument);
    options.workspace_bytes = read_workspace(argument);
    const int64_t memory = argument.field("memoryBytes").integer(0);
    const CudaDecoderPlan plan = dnd::plan_cuda_decoder(features, kernel, batch, options, memory);
    const Napi::Array convolutions = Napi::Array::New(env, plan.convolutions.size());
    for (uint32_t i = 0; i < plan.convolutions.size(); ++i) convolutions.Set(i, object_of(env, plan.convolutions[i]));
    return Fields(env)
        .set("workspaceBytes", options.workspace_bytes)
        .set("memoryBytes", plan.memory_bytes)
        .set("convolutions", convolutions)
        .set("seconds", plan.seconds())
        .set("parts", seconds_of(env, plan.cost()).set("moments", plan.norm_statistics_seconds))
        .set("executedFlop", kFlopPerMultiplyAdd * plan.executed_multiply_adds())
        .set("directFlop", kFlopPerMultiplyAdd * plan.direct_multiply_adds())
        .set("bytes", Fields(env)
                          .set("weights", plan.weight_bytes())
                          .set("values", plan.value_bytes)
                          .set("activations", plan.activation_bytes)
                          .set("workspace", plan.workspace_bytes())
                          .set("device", plan.device_bytes()))
        .object();
  });
}

Napi::Value plan_cuda_encoder(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Argument argument(info, 0, "planCudaEncoder", "options");
    const auto size = [&](const char* name) { return argument.field(name).integer(1, kLargestSize); };
    const CudaEncoderShape shape = {.layers = size("layers"),
                                    .hidden = size("hiddenSize"),
                                    .heads = size("heads"),
                                    .intermediate = size("intermediateSize"),
                                    .sequences = size("sequences"),
                                    .length = size("length")};
    const CudaEncoderCost cost =
        cuda_encoder_cost(shape, read_precision(argument), cuda_rates_of(argument.field("deviceModel").text()));
    const Fields parts = Fields(info.Env())
                             .set("embeddings", cost.embeddings)
                             .set("linear", cost.linear)
                             .set("attention", cost.attention)
                             .set("norms", cost.norms);
    return Fields(info.Env()).set("seconds", cost.total()).set("parts", parts).object();
  });
}

Napi::Value cuda_device_model_of(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const std::string name = Argument(info, 0, "cudaDeviceModelOf", "name").text();
    const auto version = [&](size_t index, const char* part) {
      return int(Argument(info, index, "cudaDeviceModelOf", part).integer(0, kLargestSize));
    };
    const CudaRates& rates = cuda_rates_of_device(name, version(1, "computeMajor"), version(2, "computeMinor"));
    return Napi::String::New(info.Env(), rates.name);
  });
}

Napi::Value cuda_device_models(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const Napi::Array models = Napi::Array::New(env, cuda_rates().size());
    for (uint32_t i = 0; i < cuda_rates().size(); ++i) {
      const CudaRates& rates = cuda_rates()[i];
      models.Set(i, Fields(env)
                        .set("name", rates.name)
                        .set("memoryBytes", rates.memory_bytes)
                        .set("bytesPerSecond", rates.bytes_per_second)
                        .set("halfFlopPerSecond", rates.half_flop_per_second)
                        .set("floatFlopPerSecond", rates.float_flop_per_second)
                        .set("attainableBytesPerSecond", rates.attainable_bytes_per_second())
                        .set("attainableHalfFlopPerSecond", rates.attainable_half_flop_per_second())
                        .set("attainableFloatFlopPerSecond", rates.attainable_float_flop_per_second())
                        .object());
    }
    return models;
  });
}

}  // namespace dnd::bindings
