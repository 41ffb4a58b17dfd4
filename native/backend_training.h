#pragma once

#include "backend.h"

/// What a device implements to train a decoder, beside the operations of backend.h, whose rules hold here too: dense
/// row-major float32 in device memory, the same bytes for any number of threads. Gradients and the optimiser's states
/// are in the same memory as parameters. A gradient is stored where `accumulate` is 0, and accumulated where it is 1.

extern "C" {

/// Operands of the gradient of a convolution's weight. The convolution is the forward one; its epilogue and
/// `transposed_weight` do not count.
struct DndWeightGradientOperands {
  const float* x = nullptr;  ///< and what normalises it, as of DndConvolutionOperands
  const float* mean_rstd = nullptr;
  const float* norm_weight = nullptr;
  const float* norm_bias = nullptr;
  const float* dy = nullptr;  ///< of the convolution's result c, before any epilogue
  float* gradient = nullptr;  ///< [out_channels, in_channels, k, k]
  int32_t accumulate = 0;
  void* workspace = nullptr;       ///< as many bytes as weight_gradient_workspace returns
  double* part_seconds = nullptr;  ///< null, or kDndWeightGradientParts numbers to which processor time is added
};

/// Parts of a spectral weight gradient that part_seconds counts separately.
enum DndWeightGradientPart : int32_t {
  kDndGradientForwardPart = 0,  ///< tiles of x and of dy to spectra
  kDndGradientProductPart = 1,
  kDndGradientTapsPart = 2,  ///< from spectra to taps
  kDndWeightGradientParts = 3,
};

/// Statistics of one sample's weight tokens over the elements that exist (target not NaN), in double precision.
struct DndTokenSums {
  double valid;             ///< number of elements
  double weighted_squares;  ///< Σ importance · (y − target)²
  double output_squares;    ///< Σ y²
  double target_squares;    ///< Σ target²
  double product;           ///< Σ y · target
};

/// Where a normal number comes from: Philox4x32-10 with this key; element e of the array is number e mod 4 of the block
/// with counter (e / 4 as 64 bits, stream as 64 bits), made by Box–Muller from words 0, 1 and 2, 3
/// (core/distributions.h): the same everywhere.
struct DndNoise {
  uint64_t key, stream;
  float sigma;
};

/// AdamW with decoupled decay (Loshchilov & Hutter 2019), as PyTorch computes it:
/// p ← p · (1 − learning_rate · weight_decay); m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²;
/// p ← p − learning_rate / (1 − β₁ᵗ) · m / (√(v / (1 − β₂ᵗ)) + eps), where g is gradient · gradient_scale.
struct DndAdamW {
  double learning_rate, beta1, beta2, eps, weight_decay;
  double gradient_scale;  ///< of clipping
  int64_t step;           ///< t, from 1
};

/// Block-wise quantised moments (Dettmers et al., "8-bit Optimizers via Block-wise Quantization", ICLR 2022): blocks of
/// kDndStateBlock elements, the last may be shorter. The first moment and the root of the second are stored: each as a
/// code of the dynamic map (signed and unsigned) times the block's largest magnitude. All bytes zero: moments that are
/// zero, as they begin.
constexpr int64_t kDndStateBlock = 256;
struct DndQuantisedMoments {
  uint8_t* first;         ///< [elements]
  uint8_t* second;        ///< [elements]
  float* first_largest;   ///< [blocks]
  float* second_largest;  ///< [blocks]
};

struct DndTrainingOperations {
  /// As convolution_workspace.
  DndStatus (*weight_gradient_workspace)(void* device, const DndConvolution*, int64_t* bytes, int64_t* sufficient);
  DndStatus (*weight_gradient)(void* device, const DndControl*, const DndConvolution*,
                               const DndWeightGradientOperands*);

  /// s = (a + tanh(p) + bias) / 3, and p becomes tanh(p). a, p, s [rows, columns], bias [columns]; s may be a.
  DndStatus (*merge_paths)(void* device, const DndControl*, const float* a, float* p, const float* bias, int64_t rows,
                           int64_t columns, float* s);
  /// Of merge_paths, from ds and t = tanh(p): da = ds / 3, dp = da · (1 − t²). da may be ds, dp may be t.
  DndStatus (*split_paths)(void* device, const DndControl*, const float* ds, const float* t, int64_t elements,
                           float* da, float* dp);

  /// sums[column] (+)= Σ over rows of x [rows, columns].
  DndStatus (*sum_rows)(void* device, const DndControl*, const float* x, int64_t rows, int64_t columns,
                        int32_t accumulate, float* sums);
  /// sums[token] (+)= Σ over batch and elements of x [batch, tokens, elements].
  DndStatus (*sum_tokens)(void* device, const DndControl*, const float* x, int64_t batch, int64_t tokens,
                          int64_t elements, int32_t accumulate, float* sums);

  /// Of x̂ = (x − mean) · rstd · weight + bias over the columns of x [rows, columns], mean_rstd [rows, 3] from
  /// `norm_statistics`: dx = rstd · (g − mean(g) − n · mean(g · n)) (+ addend), with n = (x − mean) · rstd and
  /// g = dy · weight; dweight (+)= Σ dy · n and dbias (+)= Σ dy over rows. dx may be null, or dy; addend may be null,
  /// or dx.
  DndStatus (*layer_norm_gradient)(void* device, const DndControl*, const float* x, const float* mean_rstd,
                                   const float* weight, const float* dy, const float* addend, int64_t rows,
                                   int64_t columns, int32_t accumulate, float* dx, float* dweight, float* dbias);

  /// Of y = x · weightᵀ + bias as `linear` computes it: dx = dy · weight [rows, in], dweight (+)= dyᵀ · x [out, in],
  /// dbias (+)= Σ dy over rows. dx and dbias may be null.
  DndStatus (*linear_gradient)(void* device, const DndControl*, const float* x, const float* dy, int64_t rows,
                               int64_t in, int64_t out, const float* weight, int32_t accumulate, float* dx,
                               float* dweight, float* dbias);

  /// sums [batch]; dy = 2 · weight / valid elements of the batch · importance[token] · (y − target), 0 where the target
  /// is NaN. y, target, dy [batch, tokens, elements], importance [tokens] or null for ones. dy may be null, or y.
  DndStatus (*token_loss)(void* device, const DndControl*, const float* y, const float* target, const float* importance,
                          int64_t batch, int64_t tokens, int64_t elements, double weight, float* dy,
                          DndTokenSums* sums);

  /// y[e] += x[e]
  DndStatus (*add)(void* device, const DndControl*, const float* x, int64_t elements, float* y);

  /// x[e] += sigma · N(0, 1), NaN stays NaN.
  DndStatus (*add_noise)(void* device, const DndControl*, const DndNoise*, int64_t elements, float* x);

  /// *sum = Σ x², in double precision.
  DndStatus (*sum_squares)(void* device, const DndControl*, const float* x, int64_t elements, double* sum);

  /// One step on one parameter, states in float32.
  DndStatus (*adamw)(void* device, const DndControl*, const DndAdamW*, const float* gradient, int64_t elements,
                     float* parameter, float* first, float* second);
  /// The same, states quantised.
  DndStatus (*adamw_quantised)(void* device, const DndControl*, const DndAdamW*, const float* gradient,
                               int64_t elements, float* parameter, const DndQuantisedMoments*);
};
}
