#pragma once

#include <cstdint>

#include "cpu/isa/kernels.h"

namespace dnd::cpu {

/// Two bfloat16 numbers that follow one another along the depth of a product, the first in the lower half.
using Bfloat16Pair = uint32_t;

/// As TileKernel of isa/kernels.h, of pairs: for r < rows, l < vectors · lanes
///   c[r·c_stride + l] (+)= Σ_{p < pairs} a[r·a_stride + p] · b[p·b_step + l],
/// where a pair times a pair is the sum of two products.
using Bfloat16TileKernel = void (*)(int64_t pairs, const Bfloat16Pair* a, int64_t a_stride, const Bfloat16Pair* b,
                                    int64_t b_step, float* c, int64_t c_stride, bool accumulate);

/// The inner loops of products with bfloat16 operands and float32 sums. They belong to the kernels of an instruction set
/// of isa/kernels.h, whose lanes and tiles they have. Numbers are rounded to nearest even; the instructions take numbers
/// below 2⁻¹²⁶ for zero.
struct Bfloat16Kernels {
  const char* name;  ///< "avx512bf16"

  Bfloat16TileKernel tile[kMaxTileRows][kMaxTileVectors];  ///< [rows − 1][vectors − 1]

  /// pairs[p] = (x[2p], x[2p + 1]) for the ⌈count / 2⌉ pairs of x; behind the last number there is a zero.
  void (*round_row)(const float* x, int64_t count, Bfloat16Pair* pairs);

  /// destination[p·width + lane] = (source[lane·lane_stride + 2p], source[lane·lane_stride + 2p + 1]) for p <
  /// ⌈depth / 2⌉, lane < lanes; zero for the other lanes up to `width`, a multiple of the kernels' lanes, and behind the
  /// depth.
  void (*pack_rows)(const float* source, int64_t lane_stride, int64_t lanes, int64_t depth, Bfloat16Pair* destination,
                    int64_t width);
  /// The same of source[lane + 2p·depth_stride] and source[lane + (2p + 1)·depth_stride].
  void (*pack_columns)(const float* source, int64_t depth_stride, int64_t lanes, int64_t depth,
                       Bfloat16Pair* destination, int64_t width);
};

/// Those that go with these kernels; null if there are none, or this machine cannot run them.
const Bfloat16Kernels* find_bfloat16_kernels(const Kernels& kernels);

/// Those that go with `kernels`. Error(kUnavailable) naming the instruction set that is missing.
const Bfloat16Kernels& bfloat16_kernels(const Kernels& kernels = cpu::kernels());

}  // namespace dnd::cpu
