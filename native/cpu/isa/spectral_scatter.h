#pragma once

#include "cpu/isa/masked.h"
#include "cpu/isa/rows.h"
#include "cpu/isa/spectral_kernels.h"
#include "cpu/isa/transpose.h"
#include "cpu/isa/vector.h"

/// Tiles from vectors of channels to memory, where one axis is contiguous, through the convolution's epilogue.
namespace dnd::cpu::DND_ISA {

/// target[i + lane · lane_stride] = from[i · step] + bias (+ addend, laid out as target) for i < count.
inline __attribute__((always_inline)) void scatter_line(const Vector* from, int64_t step, int64_t lanes, int64_t count,
                                                        Vector bias, const float* addend, float* target,
                                                        int64_t lane_stride) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t here = count - i < kLanes ? count - i : kLanes;
    Vector square[kLanes] = {};
    for (int64_t j = 0; j < here; ++j) square[j] = from[(i + j) * step] + bias;
    transpose_square(square);
    if (lanes == kLanes && here == kLanes) {
#pragma GCC unroll 16
      for (int lane = 0; lane < kLanes; ++lane) {
        const int64_t at = lane * lane_stride + i;
        store(target + at, addend == nullptr ? square[lane] : square[lane] + load(addend + at));
      }
    } else {
      for (int64_t lane = 0; lane < lanes; ++lane) {
        const int64_t at = lane * lane_stride + i;
        store_first(target + at, addend == nullptr ? square[lane] : square[lane] + load_first(addend + at, here), here);
      }
    }
  }
}

/// Channels side by side in memory: what is stored at a point, from the convolution's result c there.
template <DndEpilogue kKind>
inline __attribute__((always_inline)) void scatter_point(Vector c, const TileEpilogue& epilogue, int64_t a, int64_t b,
                                                         int64_t channels, int64_t offset, float* target) {
  const auto at = [channels](const float* source) {
    return channels == kLanes ? load(source) : load_first(source, channels);
  };
  if constexpr (kKind == kDndAdd) {
    c += at(epilogue.addend + offset);
  } else if constexpr (kKind != kDndStore) {
    const Vector bias = at(epilogue.bias + a * epilogue.bias_halved_stride + b * epilogue.bias_full_stride);
    if constexpr (kKind == kDndMergePaths) {
      c = merged(at(epilogue.addend + offset), c, bias);
    } else {
      c += bias;
      if (epilogue.addend != nullptr) c += at(epilogue.addend + offset);
    }
  }
  if (channels == kLanes) {
    store(target + offset, c);
  } else {
    store_first(target + offset, c, channels);
  }
}

template <DndEpilogue kKind>
inline __attribute__((always_inline)) void scatter_as(const Vector* panel, int64_t pitch, int64_t begin, int64_t end,
                                                      const TileView<float>& tile, const TileEpilogue& epilogue) {
  const int64_t skipped = begin - tile.full_begin, count = tile.halved_end - tile.halved_begin;
  panel += tile.halved_begin;
  if (tile.channel_stride == 1) {
    for (int64_t b = 0; b < end - begin; ++b) {
      for (int64_t a = 0; a < count; ++a) {
        scatter_point<kKind>(panel[b * pitch + a], epilogue, a, skipped + b, tile.channels,
                             (skipped + b) * tile.full_stride + a * tile.halved_stride, tile.first);
      }
    }
    return;
  }
  if constexpr (kKind != kDndMergePaths) {
    const bool with_addend = kKind == kDndAdd || (kKind == kDndTokenBias && epilogue.addend != nullptr);
    const Vector bias = kKind == kDndTokenBias ? load_first(epilogue.bias, tile.channels) : Vector{};
    const auto line = [&](const Vector* from, int64_t step, int64_t length, int64_t offset) {
      scatter_line(from, step, tile.channels, length, bias, with_addend ? epilogue.addend + offset : nullptr,
                   tile.first + offset, tile.channel_stride);
    };
    if (tile.full_stride == 1) {
      for (int64_t a = 0; a < count; ++a) line(panel + a, pitch, end - begin, a * tile.halved_stride + skipped);
    } else {
      for (int64_t b = 0; b < end - begin; ++b) line(panel + b * pitch, 1, count, (skipped + b) * tile.full_stride);
    }
  }
}

/// panel[(b − begin) · pitch + a] to the tile's point (a, b) for b in [begin, end).
inline void scatter(const Vector* panel, int64_t pitch, int64_t begin, int64_t end, const TileView<float>& tile,
                    const TileEpilogue& epilogue) {
  switch (epilogue.kind) {
    case kDndStore: return scatter_as<kDndStore>(panel, pitch, begin, end, tile, epilogue);
    case kDndMergePaths: return scatter_as<kDndMergePaths>(panel, pitch, begin, end, tile, epilogue);
    case kDndTokenBias: return scatter_as<kDndTokenBias>(panel, pitch, begin, end, tile, epilogue);
    case kDndAdd: return scatter_as<kDndAdd>(panel, pitch, begin, end, tile, epilogue);
  }
}

}  // namespace dnd::cpu::DND_ISA
