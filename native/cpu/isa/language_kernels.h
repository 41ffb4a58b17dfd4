#pragma once

#include <cstdint>

#include "backend.h"

namespace dnd::cpu {

constexpr int kMaxDotRows = 4;

/// sums[r · sum_stride + o] = Σ x[r · x_stride + i] · weight[o · weight_stride + i] over i < in, for r < rows ≤ kMaxDotRows
/// and o < outs; of weights in half precision the same bytes as of the same numbers in float32. Each sum is made in an
/// order that depends on `in` alone.
using DotKernel = void (*)(const float* x, int64_t x_stride, int64_t rows, const void* weight, int64_t weight_stride,
                           int64_t outs, int64_t in, float* sums, int64_t sum_stride);

/// The inner loops of causal language models of one instruction set; compiled as those of isa/kernels.h. No alignment
/// is required, any count will do.
struct LanguageKernels {
  const char* name;

  /// y[i] = x[i] · scale · weight[i]; y may be x.
  void (*scale_by_weight)(const float* x, double scale, const float* weight, int64_t count, float* y);
  /// Σ x[i] · dy[i] · weight[i] in double, in an order that depends on the count alone.
  double (*weighted_product)(const float* x, const float* dy, const float* weight, int64_t count);
  /// dx[i] = scale · dy[i] · weight[i] − x[i] · share (+ addend[i]); dx may be dy or addend.
  void (*rms_gradient)(const float* x, const float* dy, const float* weight, const float* addend, double scale,
                       double share, int64_t count, float* dx);
  /// sums[i] += dy[i] · x[i] · scale, in double
  void (*add_products)(const float* x, const float* dy, float scale, int64_t count, double* sums);

  /// y[i] = silu(gate[i]) · up[i]; y may be gate or up.
  void (*swiglu)(const float* gate, const float* up, int64_t count, float* y);
  /// dgate, dup of swiglu; either may be any of the inputs.
  void (*swiglu_gradient)(const float* gate, const float* up, const float* dy, int64_t count, float* dgate, float* dup);

  /// Pairs (x[i], x[half + i]) turned by the angle with these cosines and sines; sign −1 turns them back.
  void (*rotate)(const float* cosines, const float* sines, float sign, int64_t half, float* x);

  DotKernel dot[kDndWeightTypes];
  /// y[i] (+)= Σ factors[r · factor_stride] · x[r · x_stride + i] over r < rows, in their order.
  void (*weighted_rows)(const float* factors, int64_t factor_stride, int64_t rows, const float* x, int64_t x_stride,
                        int64_t count, bool accumulate, float* y);
  /// The same for several columns of factors, `outs` of them: y[o · y_stride + i] = Σ factors[r · factor_stride + o] ·
  /// x[r · x_stride + i].
  void (*sum_products)(const float* factors, int64_t factor_stride, int64_t outs, int64_t rows, const float* x,
                       int64_t x_stride, int64_t count, float* y, int64_t y_stride);

  /// y[i] += factor · x[i]
  void (*add_scaled)(const float* x, float factor, int64_t count, float* y);

  float (*largest)(const float* x, int64_t count);
  /// y[i] = e^(x[i] − shift), where no x is larger than shift; returns their sum in double. y may be x or null.
  double (*exponentials)(const float* x, float shift, int64_t count, float* y);
  /// ds[i] = p[i] · (ds[i] − product) · scale
  void (*score_gradient)(const float* p, float product, float scale, int64_t count, float* ds);
  /// x[i] = x[i] · factor
  void (*scale)(float factor, int64_t count, float* x);
};

/// Those of the instruction set of kernels().
const LanguageKernels& language_kernels();
const LanguageKernels& language_kernels(const char* instruction_set);

}  // namespace dnd::cpu
