#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend.h"
#include "core/feature.h"
#include "model/parameters.h"

/// Structure of a decoder, shared by inference (decoder_pass.h) and training (training/).
namespace dnd {

struct DecoderConfig {
  std::vector<Feature> features;  ///< from the condition to the weight tokens
  int kernel_size;                ///< odd
  int64_t projected_from = 0;     ///< length of the condition before the length projection; 0 = none
  DndAlgorithm algorithm = kDndAuto;

  /// Elements of the condition of one task, before the length projection.
  int64_t condition_elements() const {
    const Feature& first = features.front();
    return projected_from > 0 ? first.tokens * projected_from * first.width : first.elements();
  }
};

/// A layer's parameters, in host memory. Comments: published names and shapes, [out, in, k, k] for convolutions.
struct DecoderLayer {
  Feature in, out;
  const float *norm_weight, *norm_bias;  ///< linear1.norm [H, W]
  StoredValues conv1w, conv1h;           ///< linear1.conv1w [W', W, k, k], conv1h [H', H, k, k]
  StoredValues conv2w, conv2h;
  const float* path_bias;     ///< linear1.bias [H', W']
  StoredValues token_weight;  ///< linear2 [N', N, k, k]
  const float* token_bias;    ///< [N']
  bool has_residual() const { return in == out; }
};

struct LengthProjection {
  const float *down_weight, *down_bias;  ///< down_proj [H₀, L], [H₀]
  const float *gate_weight, *gate_bias;  ///< gate_proj [H₀, H₀], [H₀]
};

/// Whether a forward pass saves the activations that a backward pass needs.
enum class Activations { kDropped, kSaved };

constexpr float kNormEpsilon = 1e-5f;

/// "[N, H, W]"
std::string text_of(const Feature& feature);

/// The five convolutions of a layer, in the order of LayerConvolution, each with this workspace limit. If nothing is
/// saved, the last of the width and height convolutions also merges the paths; a backward pass needs the tanh before
/// the merge, so then merge_paths is a separate operation.
std::vector<DndConvolution> convolutions_of(const DecoderLayer& layer, const DecoderConfig& config, int64_t batch,
                                            int64_t limit, Activations activations);

/// Their weights, in the same order.
std::vector<StoredValues> convolution_weights(const DecoderLayer& layer);

/// Elements of a convolution's output.
int64_t elements_after(const DndConvolution& convolution);

}  // namespace dnd
