#pragma once

#include "cpu/isa/masked.h"
#include "cpu/isa/spectral_kernels.h"
#include "cpu/isa/transpose.h"
#include "cpu/isa/vector.h"

/// Tiles between memory, where one axis is contiguous, and vectors of channels.
namespace dnd::cpu::DND_ISA {

/// to[i · step] = channels of source[i · 1 + lane · lane_stride] for i < count: a transpose, square by square.
inline __attribute__((always_inline)) void gather_line(const float* source, int64_t lane_stride, int64_t lanes,
                                                       int64_t count, Vector* to, int64_t step) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t here = count - i < kLanes ? count - i : kLanes;
    Vector square[kLanes];
    if (lanes == kLanes && here == kLanes) {
#pragma GCC unroll 16
      for (int lane = 0; lane < kLanes; ++lane) square[lane] = load(source + lane * lane_stride + i);
    } else {
      for (int lane = 0; lane < kLanes; ++lane) {
        square[lane] = lane < lanes ? load_first(source + lane * lane_stride + i, here) : Vector{};
      }
    }
    exchange_all<kLanes / 2>(square);
    for (int64_t j = 0; j < here; ++j) to[(i + j) * step] = square[j];
  }
}

/// The opposite of gather_line.
inline __attribute__((always_inline)) void scatter_line(const Vector* from, int64_t step, int64_t lanes, int64_t count,
                                                        float* target, int64_t lane_stride) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t here = count - i < kLanes ? count - i : kLanes;
    Vector square[kLanes] = {};
    for (int64_t j = 0; j < here; ++j) square[j] = from[(i + j) * step];
    exchange_all<kLanes / 2>(square);
    if (lanes == kLanes && here == kLanes) {
#pragma GCC unroll 16
      for (int lane = 0; lane < kLanes; ++lane) store(target + lane * lane_stride + i, square[lane]);
    } else {
      for (int64_t lane = 0; lane < lanes; ++lane) store_first(target + lane * lane_stride + i, square[lane], here);
    }
  }
}

/// panel[(b − begin) · pitch + a] = the tile's channels at point (a, b) for b in [begin, end), which must be inside.
/// Points a outside are left as they are.
inline void gather(const TileView<const float>& tile, int64_t begin, int64_t end, Vector* panel, int64_t pitch) {
  const float* first = tile.first + (begin - tile.full_begin) * tile.full_stride;
  const int64_t count = tile.halved_end - tile.halved_begin;
  panel += tile.halved_begin;
  if (tile.channel_stride == 1) {
    for (int64_t b = 0; b < end - begin; ++b) {
      const float* source = first + b * tile.full_stride;
      Vector* to = panel + b * pitch;
      if (tile.channels == kLanes) {
        for (int64_t a = 0; a < count; ++a) to[a] = load(source + a * tile.halved_stride);
      } else {
        for (int64_t a = 0; a < count; ++a) to[a] = load_first(source + a * tile.halved_stride, tile.channels);
      }
    }
  } else if (tile.full_stride == 1) {
    for (int64_t a = 0; a < count; ++a) {
      gather_line(first + a * tile.halved_stride, tile.channel_stride, tile.channels, end - begin, panel + a, pitch);
    }
  } else {
    for (int64_t b = 0; b < end - begin; ++b) {
      gather_line(first + b * tile.full_stride, tile.channel_stride, tile.channels, count, panel + b * pitch, 1);
    }
  }
}

/// The opposite: panel[(b − begin) · pitch + a] to the tile's point (a, b) for b in [begin, end).
inline void scatter(const Vector* panel, int64_t pitch, int64_t begin, int64_t end, const TileView<float>& tile) {
  float* first = tile.first + (begin - tile.full_begin) * tile.full_stride;
  const int64_t count = tile.halved_end - tile.halved_begin;
  panel += tile.halved_begin;
  if (tile.channel_stride == 1) {
    for (int64_t b = 0; b < end - begin; ++b) {
      float* target = first + b * tile.full_stride;
      const Vector* from = panel + b * pitch;
      if (tile.channels == kLanes) {
        for (int64_t a = 0; a < count; ++a) store(target + a * tile.halved_stride, from[a]);
      } else {
        for (int64_t a = 0; a < count; ++a) store_first(target + a * tile.halved_stride, from[a], tile.channels);
      }
    }
  } else if (tile.full_stride == 1) {
    for (int64_t a = 0; a < count; ++a) {
      scatter_line(panel + a, pitch, tile.channels, end - begin, first + a * tile.halved_stride, tile.channel_stride);
    }
  } else {
    for (int64_t b = 0; b < end - begin; ++b) {
      scatter_line(panel + b * pitch, 1, tile.channels, count, first + b * tile.full_stride, tile.channel_stride);
    }
  }
}

}  // namespace dnd::cpu::DND_ISA
