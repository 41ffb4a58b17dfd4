#pragma once

#include <cstdint>

namespace dnd {

/// The layout of a tile in the workspace of its transforms, counted in vectors of channels: a panel of lines along
/// the halved axis, as many as a vector has lanes, and the real and imaginary parts of the half-transformed tile.
/// Pitches are odd: lines of a power of two would share the sets of a cache.
///
/// Always expanded in place, because kernels of every instruction set use it (see isa/kernels.h).
struct TileScratch {
  __attribute__((always_inline)) constexpr TileScratch(int64_t lanes, int64_t halved_points, int64_t full_points)
      : lanes(lanes),
        panel_pitch(halved_points | 1),
        pitch((full_points > halved_points ? full_points : halved_points) | 1),
        half_lines(full_points > halved_points / 2 ? full_points : halved_points / 2) {}

  __attribute__((always_inline)) constexpr int64_t panel_vectors() const { return lanes * panel_pitch; }
  __attribute__((always_inline)) constexpr int64_t half_vectors() const { return half_lines * pitch; }
  __attribute__((always_inline)) constexpr int64_t floats() const {
    return (panel_vectors() + 2 * half_vectors()) * lanes;
  }

  int64_t lanes, panel_pitch, pitch, half_lines;
};

}  // namespace dnd
