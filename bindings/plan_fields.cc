#include "plan_fields.h"

#include "decoder_arguments.h"

namespace dnd::bindings {
namespace {

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

}  // namespace

std::string weight_of(LayerConvolution convolution) {
  const std::string name = name_of(convolution);
  return convolution == LayerConvolution::kTokens ? name : "linear1." + name;
}

std::vector<Feature> read_planned_features(const Argument& options) {
  std::vector<Feature> features = read_features(options);
  for (const Feature& feature : features) {
    for (int64_t size : {feature.tokens, feature.height, feature.width}) {
      if (size <= kLargestSize) continue;
      options.field("features").refuse("sizes ≤ " + std::to_string(kLargestSize), std::to_string(size));
    }
  }
  return features;
}

Fields convolution_fields(Napi::Env env, int64_t layer, LayerConvolution convolution, const ConvolutionShape& shape,
                          Algorithm algorithm) {
  return Fields(env)
      .set("layer", layer)
      .set("weight", weight_of(convolution))
      .set("axis", axis_of(convolution))
      .set("batch", shape.batch)
      .set("channels", shape.channels)
      .set("outputChannels", shape.out_channels)
      .set("sizeI", shape.size_i)
      .set("sizeJ", shape.size_j)
      .set("kernelSize", shape.kernel)
      .set("algorithm", algorithm == Algorithm::kDirect ? "direct" : "spectral");
}

Fields operand_bytes(Napi::Env env, const ConvolutionShape& shape) {
  const auto floats = [](auto... sizes) { return (double{sizeof(float)} * ... * static_cast<double>(sizes)); };
  return Fields(env)
      .set("weights", floats(shape.channels, shape.out_channels, shape.kernel, shape.kernel))
      .set("input", floats(shape.batch, shape.channels, shape.size_i, shape.size_j))
      .set("output", floats(shape.batch, shape.out_channels, shape.size_i, shape.size_j));
}

Napi::Array rejected_of(Napi::Env env, const std::vector<RejectedCandidate>& rejected) {
  const Napi::Array array = Napi::Array::New(env, rejected.size());
  for (uint32_t i = 0; i < rejected.size(); ++i) {
    array.Set(i, Fields(env).set("candidate", rejected[i].candidate).set("reason", rejected[i].reason).object());
  }
  return array;
}

}  // namespace dnd::bindings
