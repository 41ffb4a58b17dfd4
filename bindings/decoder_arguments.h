#pragma once

#include <cstdint>
#include <vector>

#include "arguments.h"
#include "backend.h"
#include "core/feature.h"
#include "model/decoder.h"

/// Arguments shared by calls about decoders and convolutions.
namespace dnd::bindings {

/// Larger than any decoder's sizes. Up to it, planning is fast and its counts fit into 63 bits.
constexpr int64_t kLargestSize = int64_t{1} << 20;

/// `features`: flat [N0,H0,W0, N1,H1,W1, …] of at least two shapes.
std::vector<Feature> read_features(const Argument& options);

/// `DecoderOptions` of src/engine/native.ts, except the device.
DecoderConfig read_decoder_config(const Argument& options);

/// float32 [batch, N₀, projected_from or H₀, W₀]
Slice read_condition(const Argument& condition, const DecoderConfig& config, int64_t batch);

/// `algorithm`: "auto", "direct" or "spectral".
DndAlgorithm read_algorithm(const Argument& options);

/// `workspaceBytes` of a convolution; 0 = the plan's default.
int64_t read_workspace(const Argument& options);

}  // namespace dnd::bindings
