#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend.h"
#include "core/feature.h"

/// What a decoder is made of, for the passes over it: forward alone (decoder_pass.h) and in training (training/).
namespace dnd {

struct DecoderConfig {
  std::vector<Feature> features;  ///< the condition's first, the weight tokens' last
  int kernel_size;                ///< odd
  int64_t projected_from = 0;     ///< length of the condition before the length projection; 0 = none
  DndAlgorithm algorithm = kDndAuto;

  /// Of the condition of one task, before the length projection.
  int64_t condition_elements() const {
    const Feature& first = features.front();
    return projected_from > 0 ? first.tokens * projected_from * first.width : first.elements();
  }
};

/// A layer's parameters, in host memory. Reference names in comments; shapes as [out, in, k, k] for the convolutions.
struct DecoderLayer {
  Feature in, out;
  const float *norm_weight, *norm_bias;  ///< linear1.norm [H, W]
  const float *conv1w, *conv1h;          ///< linear1.conv1w [W', W, k, k], conv1h [H', H, k, k]
  const float *conv2w, *conv2h;
  const float* path_bias;                  ///< linear1.bias [H', W']
  const float *token_weight, *token_bias;  ///< linear2 [N', N, k, k], [N']
  bool has_residual() const { return in == out; }
};

struct LengthProjection {
  const float *down_weight, *down_bias;  ///< down_proj [H₀, L], [H₀]
  const float *gate_weight, *gate_bias;  ///< gate_proj [H₀, H₀], [H₀]
};

/// What a forward pass leaves of its activations: nothing, or what a backward pass needs.
enum class Activations { kDropped, kSaved };

constexpr float kNormEpsilon = 1e-5f;

/// "[N, H, W]"
std::string text_of(const Feature& feature);

/// The five convolutions of a layer, in the order of LayerConvolution, with this limit to the workspace of each. Where
/// nothing is saved the last of the width and height convolutions merges the paths itself; a backward pass needs the
/// tangent, which an operation of its own leaves (merge_paths).
std::vector<DndConvolution> convolutions_of(const DecoderLayer& layer, const DecoderConfig& config, int64_t batch,
                                            int64_t limit, Activations activations);

/// Their weights, in the same order.
std::vector<const float*> convolution_weights(const DecoderLayer& layer);

/// Elements of a convolution's result.
int64_t elements_after(const DndConvolution& convolution);

}  // namespace dnd
