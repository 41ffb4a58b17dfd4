#pragma once

#include <cstdint>

#include "backend.h"

namespace dnd::cpu {

/// A tile of a product: for r < rows, l < vectors · lanes
///   c[r·c_stride + l] (+)= Σ_{d < depth} a[d·a_step + r] · b[d·b_step + l],
/// summed in the order of d from zero, then added to c when `accumulate`, else stored. No alignment is required.
using TileKernel = void (*)(int64_t depth, const float* a, int64_t a_step, const float* b, int64_t b_step, float* c,
                            int64_t c_stride, bool accumulate);

constexpr int kMaxTileRows = 14;
constexpr int kMaxTileVectors = 2;

/// The inner loops of one instruction set. The sources in isa/ are compiled once for each, with its flags, into a
/// namespace of its own; they include no header with inline functions of external linkage (the C++ library's, say),
/// because the linker would keep one copy of such a function, maybe one that other machines cannot run.
struct Kernels {
  const char* name;   ///< "baseline", "avx2", "avx512", "neon"
  int64_t lanes;      ///< floats of a vector
  int64_t tile_rows;  ///< rows of a full tile; a full tile has kMaxTileVectors vectors in each row

  TileKernel tile[kMaxTileRows][kMaxTileVectors];  ///< [rows − 1][vectors − 1], rows up to tile_rows

  /// destination[place(s)·place_stride + lane] = source[lane·lane_stride + s] · scale for s < steps, lane < lanes;
  /// place(s) is places[s], or s where places is null. Lanes from `lanes` up to padded_lanes become 0.
  void (*transpose)(const float* source, int64_t lane_stride, int64_t lanes, int64_t steps, const int32_t* places,
                    float scale, float* destination, int64_t place_stride, int64_t padded_lanes);

  /// destination[i] = source[i], numbers of a DndWeightType.
  void (*widen[kDndWeightTypes])(const void* source, int64_t count, float* destination);

  /// row[i] = activation(sums[i] + bias[i]) + residual[i]; bias and residual may be null. The sums are in panels of
  /// kMaxTileVectors · lanes columns, panel_stride apart.
  void (*finish_row)(const float* sums, int64_t panel_stride, float* row, int64_t count, const float* bias,
                     DndActivation activation, const float* residual);

  /// s[i] = (a[i] + tanh(p[i]) + bias[i]) / 3
  void (*merge_row)(const float* a, const float* p, const float* bias, int64_t count, float* s);

  /// mean of x[0…count) and the sum of squared differences from it, in double
  void (*mean_and_squares)(const float* x, int64_t count, double* mean, double* squares);

  /// y[i] = (x[i] − mean) · scale · weight[i] + bias[i], the difference in double
  void (*normalise)(const float* x, int64_t count, double mean, float rstd, const float* weight, const float* bias,
                    float* y);

  /// Each column of scores [rows, kMaxTileVectors · lanes] becomes e^(score − the column's largest); `sums` is the sum
  /// of each.
  void (*exponentiate_columns)(float* scores, int64_t rows, float* sums);
};

/// The kernels in use: DND_CPU_ISA names them (Error(kInvalidArgument) when it names none that this machine has), else
/// the best there are. Chosen once per process.
const Kernels& kernels();

}  // namespace dnd::cpu
