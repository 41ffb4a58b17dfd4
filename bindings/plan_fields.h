#pragma once

#include <string>
#include <vector>

#include "arguments.h"
#include "core/feature.h"
#include "fields.h"
#include "plan/decoder_plan.h"

/// What plans for CPUs and for CUDA devices have in common in JavaScript.
namespace dnd::bindings {

constexpr double kFlopPerMultiplyAdd = 2;

/// `features` of plan options, none of them beyond counting.
std::vector<Feature> read_planned_features(const Argument& options);

/// Which parameter of the layer: "linear1.conv1w" and so on.
std::string weight_of(LayerConvolution convolution);

/// layer, weight, axis, batch, channels, outputChannels, sizeI, sizeJ, kernelSize, algorithm.
Fields convolution_fields(Napi::Env env, int64_t layer, LayerConvolution convolution, const ConvolutionShape& shape,
                          Algorithm algorithm);

/// Bytes of a convolution's float32 weights, input and output.
Fields operand_bytes(Napi::Env env, const ConvolutionShape& shape);

Napi::Array rejected_of(Napi::Env env, const std::vector<RejectedCandidate>& rejected);

}  // namespace dnd::bindings
