#pragma once

#include <cstdint>

#include "core/integers.h"

namespace dnd {

/// Of a linear layer's weight [out, in] that a CPU keeps in bfloat16, at most: panels and pairs are padded
/// (cpu/gemm/bfloat16_gemm.cc).
constexpr int64_t bfloat16_bytes(int64_t out, int64_t in) {
  constexpr int64_t kPanel = 32, kBytes = 2;
  return kBytes * round_up(out, kPanel) * round_up(in, kPanel);
}

}  // namespace dnd
