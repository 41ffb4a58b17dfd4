#pragma once

#include "cpu/isa/masked.h"
#include "cpu/isa/spectral_kernels.h"
#include "cpu/isa/transpose.h"
#include "cpu/isa/vector.h"

/// Tiles from memory, where one axis is contiguous, into vectors of channels, normalised on the way.
namespace dnd::cpu::DND_ISA {

/// Mean and scale of the token that a line or a point belongs to, and the norm's weight and bias there.
struct LineNorm {
  const float *weight, *bias;
  Vector mean, rest, scale;

  __attribute__((always_inline)) Vector of(Vector x, Vector line_weight, Vector line_bias) const {
    return ((x - mean) - rest) * scale * line_weight + line_bias;
  }
};

inline __attribute__((always_inline)) LineNorm line_norm(const TileNorm& norm, int64_t a, int64_t b) {
  const float* mean_rstd = norm.mean_rstd + a * norm.mean_rstd_halved_stride + b * norm.mean_rstd_full_stride;
  const int64_t offset = a * norm.halved_stride + b * norm.full_stride;
  return {norm.weight + offset, norm.bias + offset, Vector{} + mean_rstd[0], Vector{} + mean_rstd[1],
          Vector{} + mean_rstd[2]};
}

/// to[i · step] = channels of source[i · 1 + lane · lane_stride] for i < count: a transpose, square by square.
template <bool kNormalised>
inline __attribute__((always_inline)) void gather_line(const float* source, int64_t lane_stride, int64_t lanes,
                                                       int64_t count, const LineNorm& norm, int64_t norm_lane_stride,
                                                       Vector* to, int64_t step) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t here = count - i < kLanes ? count - i : kLanes;
    Vector square[kLanes];
    if (lanes == kLanes && here == kLanes) {
#pragma GCC unroll 16
      for (int lane = 0; lane < kLanes; ++lane) {
        square[lane] = load(source + lane * lane_stride + i);
        if constexpr (kNormalised) {
          const int64_t offset = lane * norm_lane_stride + i;
          square[lane] = norm.of(square[lane], load(norm.weight + offset), load(norm.bias + offset));
        }
      }
    } else {
      for (int lane = 0; lane < kLanes; ++lane) {
        square[lane] = lane < lanes ? load_first(source + lane * lane_stride + i, here) : Vector{};
        if constexpr (kNormalised) {
          if (lane >= lanes) continue;
          const int64_t offset = lane * norm_lane_stride + i;
          square[lane] =
              norm.of(square[lane], load_first(norm.weight + offset, here), load_first(norm.bias + offset, here));
        }
      }
    }
    transpose_square(square);
    for (int64_t j = 0; j < here; ++j) to[(i + j) * step] = square[j];
  }
}

/// Channels side by side in memory: one vector at a point.
template <bool kNormalised>
inline __attribute__((always_inline)) Vector gather_point(const float* source, int64_t channels, const TileNorm& norm,
                                                          int64_t a, int64_t b) {
  const bool all = channels == kLanes;
  const Vector x = all ? load(source) : load_first(source, channels);
  if constexpr (!kNormalised) return x;
  const LineNorm at = line_norm(norm, a, b);
  return all ? at.of(x, load(at.weight), load(at.bias))
             : at.of(x, load_first(at.weight, channels), load_first(at.bias, channels));
}

template <bool kNormalised>
inline __attribute__((always_inline)) void gather_as(const TileView<const float>& tile, const TileNorm& norm,
                                                     int64_t begin, int64_t end, Vector* panel, int64_t pitch) {
  const int64_t skipped = begin - tile.full_begin, count = tile.halved_end - tile.halved_begin;
  const float* first = tile.first + skipped * tile.full_stride;
  panel += tile.halved_begin;
  if (tile.channel_stride == 1) {
    for (int64_t b = 0; b < end - begin; ++b) {
      for (int64_t a = 0; a < count; ++a) {
        panel[b * pitch + a] = gather_point<kNormalised>(first + b * tile.full_stride + a * tile.halved_stride,
                                                         tile.channels, norm, a, skipped + b);
      }
    }
  } else if (tile.full_stride == 1) {
    for (int64_t a = 0; a < count; ++a) {
      const LineNorm line = kNormalised ? line_norm(norm, a, skipped) : LineNorm{};
      gather_line<kNormalised>(first + a * tile.halved_stride, tile.channel_stride, tile.channels, end - begin, line,
                               norm.channel_stride, panel + a, pitch);
    }
  } else {
    for (int64_t b = 0; b < end - begin; ++b) {
      const LineNorm line = kNormalised ? line_norm(norm, 0, skipped + b) : LineNorm{};
      gather_line<kNormalised>(first + b * tile.full_stride, tile.channel_stride, tile.channels, count, line,
                               norm.channel_stride, panel + b * pitch, 1);
    }
  }
}

/// panel[(b − begin) · pitch + a] = the tile's channels at point (a, b) for b in [begin, end), which must be inside.
/// Points a outside are left as they are.
inline void gather(const TileView<const float>& tile, const TileNorm& norm, int64_t begin, int64_t end, Vector* panel,
                   int64_t pitch) {
  if (norm.weight != nullptr) {
    gather_as<true>(tile, norm, begin, end, panel, pitch);
  } else {
    gather_as<false>(tile, norm, begin, end, panel, pitch);
  }
}

}  // namespace dnd::cpu::DND_ISA
