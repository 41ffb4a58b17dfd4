#pragma once

#include <cstdint>

namespace dnd::cpu {

/// Sums of DndTokenSums over elements that share an importance, which is not in them.
struct LossSums {
  double valid = 0, squares = 0, output_squares = 0, target_squares = 0, product = 0;
};

/// A step of AdamW as the numbers that it multiplies by; see backend_training.h.
struct AdamWFactors {
  float gradient_scale;
  float keep;        ///< 1 − learning_rate · weight_decay
  float beta1_rest;  ///< 1 − β₁
  float beta2, beta2_rest;
  float step_size;  ///< learning_rate / (1 − β₁ᵗ)
  float root;       ///< √(1 − β₂ᵗ)
  float eps;
  uint32_t rounding;  ///< another in each step: of quantised moments
};

/// Codes of the dynamic map, and how a magnitude in [0, 1] finds its own: see training/dynamic_map.h.
struct DynamicMap {
  static constexpr int kDecades = 7;
  float values[256];
  bool with_sign;
  float below[kDecades];  ///< the largest number under those of the decade …
  float gap[kDecades];    ///< … and how far its smallest is from that
  float steps[kDecades];  ///< its first code; it has as many
  float scale[kDecades];  ///< magnitude · scale + steps · 8 / 9 counts codes from the lower edge of a code's step
  float below_one, gap_to_one;
  int32_t one;  ///< the code of 1
};

/// A block of quantised moments, up to kDndStateBlock elements.
struct MomentBlock {
  uint8_t* first;
  uint8_t* second;
  float* first_largest;
  float* second_largest;
};

constexpr int64_t kNormalBlocks = 8;

/// The inner loops of training of one instruction set; compiled as those of isa/kernels.h. Sums are made in double, in
/// an order that depends on the count alone. No alignment is required, any count will do.
struct TrainingKernels {
  const char* name;

  /// s[i] = (a[i] + tanh(p[i]) + bias[i]) / 3, and p[i] becomes tanh(p[i]); s may be a.
  void (*merge_row)(const float* a, float* p, const float* bias, int64_t count, float* s);
  /// da[i] = ds[i] / 3, dp[i] = da[i] · (1 − t[i]²); da may be ds, dp may be t.
  void (*split_row)(const float* ds, const float* t, int64_t count, float* da, float* dp);

  double (*sum)(const float* x, int64_t count);
  double (*sum_squares)(const float* x, int64_t count);
  /// sums[i] += x[i]
  void (*add_row)(const float* x, int64_t count, double* sums);

  /// Of a piece of a row of layer_norm_gradient: row_sums[0] = Σ g, row_sums[1] = Σ g · n; dweight[i] += dy[i] · n[i],
  /// dbias[i] += dy[i]. mean_rstd: 3 numbers.
  void (*norm_sums)(const float* x, const float* mean_rstd, const float* weight, const float* dy, int64_t count,
                    double* row_sums, double* dweight, double* dbias);
  /// dx[i] = scale · (g − mean_g − n · mean_gn) (+ addend[i]); dx may be dy or addend.
  void (*norm_gradient)(const float* x, const float* mean_rstd, const float* weight, const float* dy,
                        const float* addend, int64_t count, float mean_g, float mean_gn, float* dx);

  void (*loss_sums)(const float* y, const float* target, int64_t count, LossSums* sums);
  /// dy[i] = factor · (y[i] − target[i]), 0 where the target is NaN; dy may be y.
  void (*loss_gradient)(const float* y, const float* target, int64_t count, float factor, float* dy);

  /// Normal numbers of DndNoise, 4 of each Philox block; `values` has space for a multiple of kNormalBlocks blocks. The
  /// same bits by every instruction set.
  void (*normals)(uint64_t first_block, int64_t blocks, const uint32_t* key, const uint32_t* stream, float* values);

  void (*adamw)(const AdamWFactors& factors, const float* gradient, int64_t count, float* parameter, float* first,
                float* second);
  /// The same for one block of quantised moments; first_element: of the block, in the parameter.
  void (*adamw_quantised)(const AdamWFactors& factors, const DynamicMap& first_map, const DynamicMap& second_map,
                          const float* gradient, int64_t first_element, int64_t count, float* parameter,
                          const MomentBlock& moments);
};

/// Those of the instruction set of kernels().
const TrainingKernels& training_kernels();
const TrainingKernels& training_kernels(const char* instruction_set);

}  // namespace dnd::cpu
