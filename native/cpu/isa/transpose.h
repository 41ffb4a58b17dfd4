#pragma once

#include "cpu/isa/vector.h"

namespace dnd::cpu::DND_ISA {

template <int... kIndices>
struct Indices {};

template <int kCount, int... kIndices>
struct CountedIndices : CountedIndices<kCount - 1, kCount - 1, kIndices...> {};
template <int... kIndices>
struct CountedIndices<0, kIndices...> {
  using type = Indices<kIndices...>;
};

/// Exchanges the off-diagonal kSize×kSize blocks of two vectors: one step of a transpose by halves.
template <int kSize, int... kLane>
inline __attribute__((always_inline)) void exchange(Vector& upper, Vector& lower, Indices<kLane...>) {
  const Vector a = upper, b = lower;
  upper = __builtin_shufflevector(a, b, ((kLane & kSize) ? kLanes + kLane - kSize : kLane)...);
  lower = __builtin_shufflevector(a, b, ((kLane & kSize) ? kLanes + kLane : kLane + kSize)...);
}

template <int kSize>
inline __attribute__((always_inline)) void exchange_all(Vector (&square)[kLanes]) {
#pragma GCC unroll 16
  for (int row = 0; row < kLanes; ++row) {
    if ((row & kSize) == 0) exchange<kSize>(square[row], square[row + kSize], CountedIndices<kLanes>::type{});
  }
  if constexpr (kSize > 1) exchange_all<kSize / 2>(square);
}

/// Kernels::transpose of isa/kernels.h.
inline void transpose(const float* source, int64_t lane_stride, int64_t lanes, int64_t steps, const int32_t* places,
                      float scale, float* destination, int64_t place_stride, int64_t padded_lanes) {
  for (int64_t first = 0; first < padded_lanes; first += kLanes) {
    const int64_t here = lanes - first < kLanes ? lanes - first : kLanes;  // may be ≤ 0: padding only
    const int64_t written = padded_lanes - first < kLanes ? padded_lanes - first : kLanes;
    const float* corner = source + first * lane_stride;
    for (int64_t step = 0; step < steps; step += kLanes) {
      const int64_t count = steps - step < kLanes ? steps - step : kLanes;
      Vector square[kLanes];
      if (here == kLanes && count == kLanes) {
#pragma GCC unroll 16
        for (int lane = 0; lane < kLanes; ++lane) square[lane] = load(corner + lane * lane_stride + step);
      } else {
        for (int lane = 0; lane < kLanes; ++lane) {
          square[lane] = lane < here ? load_some(corner + lane * lane_stride + step, count) : Vector{};
        }
      }
      exchange_all<kLanes / 2>(square);
      for (int64_t i = 0; i < count; ++i) {
        float* target = destination + (places != nullptr ? places[step + i] : step + i) * place_stride + first;
        if (written == kLanes) {
          store(target, square[i] * scale);
        } else {
          store_some(target, square[i] * scale, written);
        }
      }
    }
  }
}

}  // namespace dnd::cpu::DND_ISA
