/// Halves and matrix operations of the emulator against plain arithmetic.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "core/float_conversion.h"
#include "core/status.h"
#include "cuda/device/half.h"
#include "test/cuda/device_buffer.h"
#include "toolkit/device_code.h"
#include "toolkit/ptx.h"

namespace dnd::test {
namespace {

using namespace dnd::cuda;

TEST(EmulatedHalf, IsExactBothWays) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    float expected;
    convert_to_float32(FloatType::kF16, &half, 1, &expected);
    const float value = to_float({half});
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(value)) << bits;
    } else {
      EXPECT_EQ(std::bit_cast<uint32_t>(value), std::bit_cast<uint32_t>(expected)) << bits;
      EXPECT_EQ(to_half(value).bits, bits);
    }
  }
}

TEST(EmulatedHalf, RoundsToNearestEven) {
  for (uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const float low = to_float({static_cast<uint16_t>(bits)}), high = to_float({static_cast<uint16_t>(bits + 1)});
    const float middle = low + (high - low) / 2;
    EXPECT_EQ(to_half(middle).bits, bits + bits % 2);
    EXPECT_EQ(to_half(std::nextafter(middle, 0.0f)).bits, bits);
    EXPECT_EQ(to_half(-std::nextafter(middle, 1e9f)).bits, (bits + 1) | 0x8000);
  }
  EXPECT_EQ(to_half(65519.996f).bits, 0x7bff);
  EXPECT_EQ(to_half(65520.0f).bits, 0x7c00);
  EXPECT_EQ(to_half(-1e30f).bits, 0xfc00);
  EXPECT_EQ(to_half(std::nanf("")).bits, 0x7fff);
  EXPECT_EQ(pack_halves(1.0f, -2.0f), 0xc0003c00);
  EXPECT_EQ(low_half(0xc0003c00), 1.0f);
  EXPECT_EQ(high_half(0xc0003c00), -2.0f);
}

struct Product {
  const Half* a;  ///< [16, 16]
  const Half* b;  ///< [8, 16]: b's columns
  float* d;       ///< [16, 8]
  int how;
};

constexpr int kPitch = 24;  ///< halves: rows of 48 bytes

/// d += a · b. how: 0 fragments by the tables of PTX, 1 by load_matrix, 2 by load_matrix, transposed both from a
/// transposed copy, 3 as 1 with a row that is not aligned, 4 with one outside of shared memory.
void multiply(Product product) {
  Half* shared = shared_memory<Half>();
  const unsigned lane = lane_index(), group = lane / 4, pair = lane % 4 * 2;
  Half* a = shared;
  Half* b = shared + 16 * kPitch;
  const bool transposed = product.how == 2;
  for (unsigned i = lane; i < 256; i += 32)
    a[transposed ? i % 16 * kPitch + i / 16 : i / 16 * kPitch + i % 16] = product.a[i];
  for (unsigned i = lane; i < 128; i += 32)
    b[transposed ? i % 16 * kPitch + i / 16 : i / 16 * kPitch + i % 16] = product.b[i];
  warp_barrier();
  uint32_t left[4], right[2];
  if (product.how == 0) {
    for (unsigned i = 0; i < 4; ++i) {
      const Half* place = a + (group + i % 2 * 8) * kPitch + pair + i / 2 * 8;
      left[i] = place[0].bits | uint32_t{place[1].bits} << 16;
    }
    for (unsigned i = 0; i < 2; ++i) {
      const Half* place = b + group * kPitch + pair + i * 8;
      right[i] = place[0].bits | uint32_t{place[1].bits} << 16;
    }
  } else if (transposed) {
    // Matrices of the transposed copy: rows are k, so that matrix m of a begins at k = m / 2 · 8, row m % 2 · 8.
    load_matrix_x4_transposed(left, a + (lane % 8 + lane / 16 * 8) * kPitch + lane / 8 % 2 * 8);
    load_matrix_x2_transposed(right, b + lane % 16 * kPitch);
  } else {
    const unsigned shift = product.how == 3 && lane == 9 ? 4 : product.how == 4 && lane == 9 ? 4096 : 0;
    load_matrix_x4(left, a + lane % 16 * kPitch + lane / 16 * 8 + shift);
    load_matrix_x2(right, b + lane % 8 * kPitch + lane / 8 % 2 * 8);
  }
  float sums[4];
  for (unsigned i = 0; i < 4; ++i) sums[i] = product.d[(group + i / 2 * 8) * 8 + pair + i % 2];
  multiply_add_16x8x16(sums, left, right);
  for (unsigned i = 0; i < 4; ++i) product.d[(group + i / 2 * 8) * 8 + pair + i % 2] = sums[i];
}

class EmulatedMatrix : public testing::Test {
 protected:
  std::vector<Half> a = to_halves(random_values(256, 1)), b = to_halves(random_values(128, 2));
  std::vector<float> start = random_values(128, 3);

  std::vector<float> product(int how) {
    const DeviceBuffer<Half> left(a), right(b);
    const DeviceBuffer<float> sums(start);
    run_kernel("multiply", multiply, {1}, 32, 32 * kPitch * sizeof(Half),
               Product{left.data(), right.data(), sums.data(), how});
    return sums.download();
  }
};

TEST_F(EmulatedMatrix, IsAPlainProduct) {
  std::vector<double> expected(128);
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 8; ++column) {
      double sum = start[row * 8 + column];
      for (int k = 0; k < 16; ++k) sum += double{to_float(a[row * 16 + k])} * to_float(b[column * 16 + k]);
      expected[row * 8 + column] = sum;
    }
  }
  for (const int how : {0, 1}) {
    const auto result = same_for_every_order([&] { return product(how); });
    EXPECT_LT(relative_error(result, expected), 2e-7) << how;
  }
}

TEST_F(EmulatedMatrix, LoadsTransposedMatrices) {
  // b's transposed copy is [16 rows k, 8]: one matrix per eight rows.
  EXPECT_EQ(product(2), product(0));
}

TEST_F(EmulatedMatrix, FindsRowsThatAreNotAlignedOrNotShared) {
  for (const int how : {3, 4}) {
    try {
      product(how);
      FAIL();
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what())
                    .find(how == 3 ? "lane 9 names a row that is not 16-byte aligned"
                                   : "lane 9 names a row outside of shared memory"),
                std::string::npos)
          << error.what();
    }
    dnd_emulator_reset();
  }
}

TEST_F(EmulatedMatrix, CarriesPoisonOn) {
  a[5 * 16 + 2].bits = 0xffff;
  const auto result = product(1);
  for (int i = 0; i < 128; ++i) EXPECT_EQ(std::isnan(result[i]), i / 8 == 5) << i;
}

}  // namespace
}  // namespace dnd::test
