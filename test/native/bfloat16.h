#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "cpu/isa/bfloat16_kernels.h"

namespace dnd::test {

/// The nearest bfloat16 number, ties to even.
inline float rounded(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  return std::bit_cast<float>((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u);
}

inline std::vector<float> rounded(std::vector<float> values) {
  for (float& value : values) value = rounded(value);
  return values;
}

/// A suite of products in bfloat16, skipped by name where the instruction set in use has none.
class Bfloat16Suite : public testing::Test {
 protected:
  void SetUp() override {
    if (cpu::find_bfloat16_kernels(cpu::kernels()) != nullptr) return;
    GTEST_SKIP() << "there is no avx512bf16 (AVX512-BF16) beside " << cpu::kernels().name << " on this machine";
  }
};

}  // namespace dnd::test
