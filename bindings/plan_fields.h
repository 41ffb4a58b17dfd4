#pragma once

#include <string>
#include <vector>

#include "arguments.h"
#include "core/feature.h"
#include "fields.h"
#include "plan/decoder_plan.h"

/// JavaScript representation shared by CPU and CUDA plans.
namespace dnd::bindings {

constexpr double kFlopPerMultiplyAdd = 2;

/// `features` of plan options; sizes up to kLargestSize.
std::vector<Feature> read_planned_features(const Argument& options);

/// Parameter name within the layer: "linear1.conv1w" etc.
std::string weight_of(LayerConvolution convolution);

/// Fields layer, weight, axis, batch, channels, outputChannels, sizeI, sizeJ, kernelSize, algorithm.
Fields convolution_fields(Napi::Env env, int64_t layer, LayerConvolution convolution, const ConvolutionShape& shape,
                          Algorithm algorithm);

/// Bytes of a convolution's float32 weights, input and output.
Fields operand_bytes(Napi::Env env, const ConvolutionShape& shape);

Napi::Array rejected_of(Napi::Env env, const std::vector<RejectedCandidate>& rejected);

}  // namespace dnd::bindings
