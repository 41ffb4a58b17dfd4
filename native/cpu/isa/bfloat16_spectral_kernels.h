#pragma once

#include <cstdint>

#include "cpu/isa/bfloat16_kernels.h"
#include "cpu/isa/spectral_kernels.h"

namespace dnd::cpu {

/// The inner loops of the spectral convolution that differ where the complex product has bfloat16 operands and float32
/// sums. Transforms are those of SpectralKernels, in float32; their results are rounded once, to nearest even. Channels
/// follow one another in pairs (Bfloat16Pair), an odd last one beside a zero.
struct Bfloat16SpectralKernels {
  const char* name;  ///< "avx512bf16"

  /// One vector of channels of a tile: spectrum [point][real, imaginary part][lanes] to the three components, real part,
  /// imaginary part and their sum, of lanes / 2 pairs each at to[(3p + c) · component_stride].
  void (*round_spectrum)(const float* spectrum, int64_t points, Bfloat16Pair* to, int64_t component_stride);

  /// SpectralKernels::columns for all kernels of a slab: rows are panels of `panel_vectors` vectors of output channels
  /// (the last may have fewer), each [channel < depth][vector][2k vectors]; slab[(3p + c) · component_stride + …] gets
  /// panels of [pair of channels][vector][lanes].
  void (*columns[kSpectralHalves])(const float* rows, int64_t depth, int64_t vectors, TapTwiddles twiddles,
                                   int64_t full_points, bool symmetric, int64_t begin, int64_t end,
                                   Bfloat16Pair* slab, int64_t component_stride);

  /// SpectralKernels::product of pairs: a pair times a pair is the sum of two products.
  void (*product)(int64_t rows, int64_t pairs, const Bfloat16Pair* x, int64_t x_stride, int64_t ahead,
                  const Bfloat16Pair* w, int64_t vectors, float* y, int64_t y_stride, bool accumulate);
};

/// Those that go with these kernels; null if there are none, or this machine cannot run them.
const Bfloat16SpectralKernels* find_bfloat16_spectral_kernels(const Kernels& kernels);

}  // namespace dnd::cpu
