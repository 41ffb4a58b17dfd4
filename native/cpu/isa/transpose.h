#pragma once

#include "cpu/isa/masked.h"
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

/// One shuffle of two vectors: `pattern(lane)` names the lane of `a`, or of `b` counted from kLanes, that goes to
/// `lane`.
template <class Pattern, int... kLane>
inline __attribute__((always_inline)) Vector shuffled(Vector a, Vector b, Pattern, Indices<kLane...>) {
  return __builtin_shufflevector(a, b, Pattern::of(kLane)...);
}
template <class Pattern>
inline __attribute__((always_inline)) Vector shuffled(Vector a, Vector b, Pattern pattern = {}) {
  return shuffled(a, b, pattern, typename CountedIndices<kLanes>::type{});
}

// Patterns that are one instruction each. Within every quarter of four lanes: a0 b0 a1 b1 and a2 b2 a3 b3 …
template <int kFirst>
struct Interleaved {
  static constexpr int of(int lane) { return (lane & ~3) + kFirst + (lane & 2) / 2 + (lane & 1 ? kLanes : 0); }
};
// … and a0 a1 b0 b1, a2 a3 b2 b3.
template <int kFirst>
struct Paired {
  static constexpr int of(int lane) { return (lane & ~3) + kFirst + (lane & 1) + (lane & 2 ? kLanes : 0); }
};
/// Quarters of both vectors: kStep apart from kFirst on, the first half of the result from a, the second from b.
template <int kFirst, int kStep>
struct Quarters {
  static constexpr int of(int lane) {
    constexpr int kHalf = kLanes > 4 ? kLanes / 8 : 1;
    const int quarter = lane / 4;
    return (kFirst + quarter % kHalf * kStep) * 4 + lane % 4 + (quarter < kHalf ? 0 : kLanes);
  }
};

/// Rows become columns: first 4×4 squares within the quarters, then the quarters.
inline __attribute__((always_inline)) void transpose_square(Vector (&square)[kLanes]) {
  // columns[j][g]: of the rows 4g … 4g + 3, column 4q + j in quarter q.
  Vector columns[4][kLanes / 4];
#pragma GCC unroll 4
  for (int g = 0; g < kLanes / 4; ++g) {
    const Vector* row = square + 4 * g;
    const Vector low = shuffled<Interleaved<0>>(row[0], row[1]), high = shuffled<Interleaved<2>>(row[0], row[1]);
    const Vector next_low = shuffled<Interleaved<0>>(row[2], row[3]),
                 next_high = shuffled<Interleaved<2>>(row[2], row[3]);
    columns[0][g] = shuffled<Paired<0>>(low, next_low);
    columns[1][g] = shuffled<Paired<2>>(low, next_low);
    columns[2][g] = shuffled<Paired<0>>(high, next_high);
    columns[3][g] = shuffled<Paired<2>>(high, next_high);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const Vector* column = columns[j];
    if constexpr (kLanes == 4) {
      square[j] = column[0];
    } else if constexpr (kLanes == 8) {
      square[j] = shuffled<Quarters<0, 1>>(column[0], column[1]);
      square[4 + j] = shuffled<Quarters<1, 1>>(column[0], column[1]);
    } else {
      const Vector a = shuffled<Quarters<0, 1>>(column[0], column[1]),
                   b = shuffled<Quarters<2, 1>>(column[0], column[1]);
      const Vector c = shuffled<Quarters<0, 1>>(column[2], column[3]),
                   d = shuffled<Quarters<2, 1>>(column[2], column[3]);
      square[j] = shuffled<Quarters<0, 2>>(a, c);
      square[4 + j] = shuffled<Quarters<1, 2>>(a, c);
      square[8 + j] = shuffled<Quarters<0, 2>>(b, d);
      square[12 + j] = shuffled<Quarters<1, 2>>(b, d);
    }
  }
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
      if (count == kLanes) {
#pragma GCC unroll 16
        for (int lane = 0; lane < kLanes; ++lane) {
          square[lane] = lane < here ? load(corner + lane * lane_stride + step) : Vector{};
        }
      } else {
        for (int lane = 0; lane < kLanes; ++lane) {
          square[lane] = lane < here ? load_first(corner + lane * lane_stride + step, count) : Vector{};
        }
      }
      transpose_square(square);
      if (count == kLanes && written == kLanes && places == nullptr) {
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) {
          store(destination + (step + i) * place_stride + first, square[i] * scale);
        }
        continue;
      }
      for (int64_t i = 0; i < count; ++i) {
        float* target = destination + (places != nullptr ? places[step + i] : step + i) * place_stride + first;
        if (written == kLanes) {
          store(target, square[i] * scale);
        } else {
          store_first(target, square[i] * scale, written);
        }
      }
    }
  }
}

}  // namespace dnd::cpu::DND_ISA
