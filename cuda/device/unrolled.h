#pragma once

#include "toolkit/device_code.h"

namespace dnd::cuda {

/// A number that is part of its type, so that it can choose what is compiled.
template <int kNumber>
struct Constant {
  static constexpr int value = kNumber;
};

/// body(Constant<kBegin>()), …, body(Constant<kEnd − 1>()), one after the other: arrays that are indexed by such
/// numbers alone become registers.
template <int kBegin, int kEnd, typename Body>
__device__ __forceinline__ void unrolled(Body&& body) {
  if constexpr (kBegin < kEnd) {
    body(Constant<kBegin>());
    unrolled<kBegin + 1, kEnd>(body);
  }
}

}  // namespace dnd::cuda
