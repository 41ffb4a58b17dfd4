#include "cuda/kernels/pooling.h"

#include <random>
#include <vector>

#include "test/cuda/device_buffer.h"

namespace dnd::cuda {
namespace {

using test::DeviceBuffer;
using test::random_values;
using test::relative_error;
using test::same_for_every_order;
using test::TestStream;

struct Problem {
  int64_t columns;
  std::vector<int64_t> offsets = {0, 1, 18, 18, 27, 91, 156};  // one without any row
  std::vector<float> x = random_values(offsets.back() * columns, 1);
  std::vector<int32_t> mask = std::vector<int32_t>(offsets.back());

  explicit Problem(int64_t columns) : columns(columns) {
    std::mt19937 random(2);
    for (int32_t& real : mask) real = static_cast<int32_t>(random() % 3);
    for (int64_t row = 18; row < 27; ++row) mask[row] = 0;  // one of padding alone
  }
  int64_t sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }
};

std::vector<double> reference(const Problem& p) {
  std::vector<double> y(p.sequences() * p.columns);
  for (int64_t sequence = 0; sequence < p.sequences(); ++sequence) {
    for (int64_t i = 0; i < p.columns; ++i) {
      double sum = 0, real = 0;
      for (int64_t row = p.offsets[sequence]; row < p.offsets[sequence + 1]; ++row) {
        if (p.mask[row] == 0) continue;
        sum += p.x[row * p.columns + i];
        ++real;
      }
      y[sequence * p.columns + i] = real == 0 ? 0 : sum / real;
    }
  }
  return y;
}

std::vector<float> pooled(const Problem& p,
                          void (*pool)(runtime::Stream, const MeanPoolArguments&) = launch_mean_pool) {
  const DeviceBuffer<float> x(p.x), y(p.sequences() * p.columns);
  const DeviceBuffer<int32_t> mask(p.mask);
  const DeviceBuffer<int64_t> offsets(p.offsets);
  const TestStream stream;
  pool(stream, {x.data(), mask.data(), offsets.data(), p.sequences(), p.columns, y.data()});
  stream.synchronise();
  return y.download();
}

TEST(CudaMeanPool, IsTheMeanOfTheRealRowsOfEachSequence) {
  for (const int64_t columns : {1, 31, 32, 130, 384}) {
    const Problem problem(columns);
    EXPECT_LE(relative_error(pooled(problem), reference(problem)), 6e-8) << columns << " columns";
  }
}

TEST(CudaMeanPool, OfASequenceWithoutRealRowsIsZero) {
  const std::vector<float> y = pooled(Problem(40));
  for (int64_t i = 2 * 40; i < 4 * 40; ++i) EXPECT_EQ(y[i], 0.0f);
}

TEST(CudaMeanPool, IsWhatTheNaiveKernelComputes) {
  const Problem problem(65);
  EXPECT_LE(relative_error(pooled(problem), pooled(problem, launch_mean_pool_naive)), 6e-8);
}

TEST(CudaMeanPool, GivesTheSameBytesInAnyOrder) {
  same_for_every_order([] { return pooled(Problem(70)); });
}

}  // namespace
}  // namespace dnd::cuda
