#include "cuda/kernels/tensor_scale.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/status.h"
#include "test/cuda/device_buffer.h"

namespace dnd::cuda {
namespace {

using test::DeviceBuffer;
using test::random_values;
using test::TestStream;

TEST(ScaleFor, is_the_largest_power_of_two_within_the_limit) {
  for (float magnitude : {1.0f, 0.7f, 1024.0f, 1024.001f, 1e-3f, 3e4f, 1e-38f, 1e-42f, 3.4e38f}) {
    for (float growth : {1.0f, 9.0f, 81.0f, 225.0f}) {
      const double scale = scale_for(magnitude, growth, 10);
      int exponent;
      EXPECT_EQ(std::frexp(scale, &exponent), 0.5) << "not a power of two";
      EXPECT_LE(double{magnitude} * growth * scale, std::exp2(10)) << magnitude << " growing " << growth;
      if (scale < std::exp2(118)) {
        EXPECT_GT(double{magnitude} * growth * 2 * scale, std::exp2(10)) << magnitude << " growing " << growth;
      }
    }
  }
}

TEST(ScaleFor, is_one_where_there_is_nothing_to_scale) {
  for (float magnitude : {0.0f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    EXPECT_EQ(scale_for(magnitude, 81, 15), 1.0f);
  }
}

struct Sizes {
  int64_t tasks, rows, columns;
};
std::ostream& operator<<(std::ostream& out, const Sizes& s) {
  return out << s.tasks << " tasks of " << s.rows << " x " << s.columns;
}

struct Norm {
  std::vector<float> mean_rstd, weight, bias;
};

std::vector<float> scales_of(const Sizes& s, const std::vector<float>& x, const Norm* norm, int64_t part_capacity,
                             bool naive = false) {
  DeviceBuffer<float> device_x(x), scales(s.tasks);
  DeviceBuffer<float> mean_rstd(norm == nullptr ? std::vector<float>{} : norm->mean_rstd);
  DeviceBuffer<float> weight(norm == nullptr ? std::vector<float>{} : norm->weight);
  DeviceBuffer<float> bias(norm == nullptr ? std::vector<float>{} : norm->bias);
  DeviceBuffer<uint32_t> parts(part_capacity);
  const TensorScale arguments = {device_x.data(),     s.tasks,       s.rows,        s.columns,
                                 mean_rstd.data(),    weight.data(), bias.data(),   1,
                                 kInputLimitExponent, parts.data(),  part_capacity, scales.data()};
  const TestStream stream;
  (naive ? tensor_scale_naive : tensor_scale)(stream, arguments);
  stream.synchronise();
  return scales.download();
}

float scale_of(double magnitude) { return scale_for(static_cast<float>(magnitude), 1, kInputLimitExponent); }

TEST(TensorScale, finds_the_largest_magnitude_wherever_it_is) {
  for (const Sizes s : {Sizes{1, 1, 1}, {3, 1, 7}, {2, 5, 300}, {3, 300, 1}, {2, 1, 8193}, {1, 25, 1000}}) {
    SCOPED_TRACE(testing::Message() << s);
    const int64_t numbers = s.rows * s.columns;
    for (int64_t at : {int64_t{0}, numbers / 2, numbers - 1}) {
      std::vector<float> x = random_values(s.tasks * numbers, 5);
      std::vector<float> wanted;
      for (int64_t task = 0; task < s.tasks; ++task) {
        const float largest = (task % 2 == 0 ? -1.0f : 1.0f) * std::exp2(static_cast<float>(5 + 3 * task));
        x[task * numbers + at] = largest;
        wanted.push_back(scale_of(std::fabs(largest)));
      }
      EXPECT_EQ(scales_of(s, x, nullptr, s.tasks * tensor_scale_parts(numbers)), wanted);
      EXPECT_EQ(scales_of(s, x, nullptr, 1, true), wanted) << "naive";
    }
  }
}

TEST(TensorScale, looks_at_normalised_values) {
  for (const Sizes s : {Sizes{1, 1, 1}, {2, 5, 300}, {3, 300, 1}, {2, 40, 17}, {1, 3, 5000}, {1, 2, 256}}) {
    SCOPED_TRACE(testing::Message() << s);
    const std::vector<float> x = random_values(s.tasks * s.rows * s.columns, 6);
    Norm norm{random_values(s.tasks * s.rows * 3, 7), random_values(s.columns, 8), random_values(s.columns, 9)};
    for (int64_t row = 0; row < s.tasks * s.rows; ++row) norm.mean_rstd[3 * row + 2] = 1 + (row % 11 == 3 ? 100 : 0);
    std::vector<float> wanted;
    for (int64_t task = 0; task < s.tasks; ++task) {
      double most = 0;
      for (int64_t row = task * s.rows; row < (task + 1) * s.rows; ++row) {
        const float* m = norm.mean_rstd.data() + 3 * row;
        for (int64_t column = 0; column < s.columns; ++column) {
          const float value =
              ((x[row * s.columns + column] - m[0]) - m[1]) * m[2] * norm.weight[column] + norm.bias[column];
          most = std::max<double>(most, std::fabs(value));
        }
      }
      wanted.push_back(scale_of(most));
    }
    const int64_t parts = tensor_scale_parts(s.rows * s.columns);
    EXPECT_EQ(scales_of(s, x, &norm, s.tasks * parts), wanted);
    EXPECT_EQ(scales_of(s, x, &norm, 1, true), wanted) << "naive";
  }
}

TEST(TensorScale, gives_the_same_bytes_in_any_order_and_with_any_working_memory) {
  const Sizes s = {5, 3, 9000};
  const std::vector<float> x = random_values(s.tasks * s.rows * s.columns, 10);
  const int64_t parts = tensor_scale_parts(s.rows * s.columns);
  ASSERT_GT(parts, 1);
  const std::vector<float> all = test::same_for_every_order([&] { return scales_of(s, x, nullptr, 5 * parts); });
  for (int64_t capacity : {parts, 2 * parts, 3 * parts - 1}) EXPECT_EQ(scales_of(s, x, nullptr, capacity), all);
}

TEST(TensorScale, is_one_for_tasks_of_zeros_and_for_those_that_are_not_finite) {
  const Sizes s = {4, 2, 50};
  std::vector<float> x(s.tasks * 100, 0.0f);
  x[100 + 30] = std::numeric_limits<float>::infinity(), x[100 + 31] = 5;
  x[200 + 99] = std::numeric_limits<float>::quiet_NaN(), x[200] = 5;
  x[300] = -2048;
  EXPECT_EQ(scales_of(s, x, nullptr, 4), (std::vector<float>{1, 1, 1, 0.5f}));
}

TEST(TensorScale, refuses_too_little_working_memory) {
  const Sizes s = {1, 3, 9000};
  const std::vector<float> x = random_values(27000, 11);
  EXPECT_THROW(scales_of(s, x, nullptr, tensor_scale_parts(27000) - 1), Error);
}

}  // namespace
}  // namespace dnd::cuda
