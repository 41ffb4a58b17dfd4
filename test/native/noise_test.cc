#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/distributions.h"
#include "core/philox.h"
#include "cpu/training/operations.h"

namespace dnd::cpu {
namespace {

/// Number `element` of the documented stream.
float normal_of(const DndNoise& noise, uint64_t element) {
  const uint64_t block = element / 4;
  const auto words = philox({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                             static_cast<uint32_t>(noise.stream), static_cast<uint32_t>(noise.stream >> 32)},
                            {static_cast<uint32_t>(noise.key), static_cast<uint32_t>(noise.key >> 32)});
  float pair[2];
  const int first = element % 4 < 2 ? 0 : 2;
  normals_from(words[first], words[first + 1], &pair[0], &pair[1]);
  return pair[element % 2];
}

std::vector<float> noise_of(const DndNoise& noise, int64_t elements, int threads) {
  ThreadPool pool(threads);
  std::vector<float> x(elements, 0.5f);
  add_noise(pool, Control(), noise, elements, x.data());
  return x;
}

TEST(Noise, is_the_documented_stream_to_the_last_bit) {
  for (const DndNoise& noise : {DndNoise{1, 2, 0.25f}, {0xfedcba9876543210, 0x8000000000000007, 1e-4f}}) {
    for (const int64_t elements : {1, 3, 4, 17, 70, 150'001}) {
      const std::vector<float> x = noise_of(noise, elements, 1);
      for (int64_t i = 0; i < elements; ++i) {
        const float scaled = noise.sigma * normal_of(noise, i);
        ASSERT_EQ(x[i], 0.5f + scaled) << "element " << i << " of " << elements;
      }
      for (int threads : {2, 3}) EXPECT_EQ(noise_of(noise, elements, threads), x);
    }
  }
}

TEST(Noise, is_the_same_on_every_machine) {
  ThreadPool pool(1);
  std::vector<float> x(6);
  add_noise(pool, Control(), {42, 7, 1.0f}, 6, x.data());
  const std::vector<float> wanted = {1.06515086f, -0.817524731f, -0.658450365f,
                                     1.13286579f, -0.328625679f, 0.327657878f};
  EXPECT_EQ(x, wanted);
}

TEST(Noise, has_the_requested_mean_and_deviation) {
  const int64_t elements = 400'000;
  const std::vector<float> x = noise_of({3, 9, 2.0f}, elements, 2);
  double mean = 0, square = 0;
  for (const float value : x) {
    mean += (value - 0.5) / static_cast<double>(elements);
    square += (value - 0.5) * (value - 0.5) / static_cast<double>(elements);
  }
  EXPECT_NEAR(mean, 0, 0.02);
  EXPECT_NEAR(square, 4, 0.05);
}

TEST(Noise, differs_between_keys_and_streams_and_preserves_missing_values) {
  const std::vector<float> x = noise_of({1, 2, 1.0f}, 100, 1);
  EXPECT_NE(noise_of({2, 2, 1.0f}, 100, 1), x);
  EXPECT_NE(noise_of({1, 3, 1.0f}, 100, 1), x);
  ThreadPool pool(1);
  std::vector<float> missing(40, std::numeric_limits<float>::quiet_NaN());
  add_noise(pool, Control(), {1, 2, 1.0f}, 40, missing.data());
  for (const float value : missing) EXPECT_TRUE(std::isnan(value));
}

}  // namespace
}  // namespace dnd::cpu
