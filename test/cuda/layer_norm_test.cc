#include "cuda/kernels/layer_norm.h"

#include <cmath>
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
  int64_t rows, columns;
  float eps = 1e-5f;
  std::vector<float> x = random_values(rows * columns, 1), weight = random_values(columns, 2),
                     bias = random_values(columns, 3);

  static Problem around(float mean, int64_t rows, int64_t columns) {
    Problem problem{rows, columns, 1e-12f};
    for (float& value : problem.x) value = mean + value;
    problem.bias.assign(columns, 0.0f);
    return problem;
  }
};

struct Row {
  double mean, scale;
};

Row row_of(const Problem& problem, int64_t row) {
  const float* x = problem.x.data() + row * problem.columns;
  const auto columns = static_cast<double>(problem.columns);
  double mean = 0, squares = 0;
  for (int64_t i = 0; i < problem.columns; ++i) mean += x[i] / columns;
  for (int64_t i = 0; i < problem.columns; ++i) squares += (x[i] - mean) * (x[i] - mean);
  return {mean, 1 / std::sqrt(squares / columns + problem.eps)};
}

std::vector<double> reference(const Problem& problem) {
  std::vector<double> y;
  for (int64_t row = 0; row < problem.rows; ++row) {
    const Row of = row_of(problem, row);
    for (int64_t i = 0; i < problem.columns; ++i) {
      y.push_back((problem.x[row * problem.columns + i] - of.mean) * of.scale * problem.weight[i] + problem.bias[i]);
    }
  }
  return y;
}

using LayerNorm = void (*)(runtime::Stream, const LayerNormArguments&);

std::vector<float> normalised(const Problem& p, LayerNorm layer_norm = launch_layer_norm, bool in_place = false) {
  const DeviceBuffer<float> x(p.x), weight(p.weight), bias(p.bias), y(p.x.size());
  const TestStream stream;
  float* to = in_place ? x.data() : y.data();
  layer_norm(stream, {x.data(), p.rows, p.columns, weight.data(), bias.data(), p.eps, to});
  stream.synchronise();
  return in_place ? x.download() : y.download();
}

using Launch = void (*)(runtime::Stream, const NormStatisticsArguments&);

std::vector<float> norm_statistics_of(const Problem& p, Launch launch = launch_norm_statistics) {
  const DeviceBuffer<float> x(p.x), y(3 * p.rows);
  const TestStream stream;
  launch(stream, {x.data(), p.rows, p.columns, p.eps, y.data()});
  stream.synchronise();
  return y.download();
}

const std::vector<Problem> kProblems = {{1, 1},   {3, 2},    {9, 4},    {5, 7},    {17, 128}, {3, 130},  {11, 384},
                                        {2, 513}, {10, 768}, {3, 1020}, {4, 1024}, {3, 1028}, {2, 1030}, {2, 9001}};

TEST(CudaLayerNorm, AgreesWithDoubleForRowsOfAnyLength) {
  for (const Problem& problem : kProblems) {
    EXPECT_LE(relative_error(normalised(problem), reference(problem)), 3e-7) << problem.columns << " columns";
  }
}

TEST(CudaLayerNorm, LosesNothingWhenTheMeanIsLargeBesideTheDeviations) {
  for (const int64_t columns : {33, 384, 1300}) {
    const Problem problem = Problem::around(3000.0f, 3, columns);
    EXPECT_LE(relative_error(normalised(problem), reference(problem)), 3e-7) << columns << " columns";
  }
}

TEST(CudaLayerNorm, OfAConstantRowIsItsBias) {
  for (const int64_t columns : {384, 1030}) {
    Problem problem{2, columns};
    problem.x.assign(2 * columns, 3.7f);
    std::vector<float> bias = problem.bias;
    bias.insert(bias.end(), problem.bias.begin(), problem.bias.end());
    EXPECT_EQ(normalised(problem), bias);
  }
}

TEST(CudaLayerNorm, MayWriteOverItsInput) {
  for (const Problem& problem : kProblems) {
    EXPECT_EQ(normalised(problem, launch_layer_norm, true), normalised(problem)) << problem.columns << " columns";
  }
}

TEST(CudaLayerNorm, OfARowDoesNotDependOnTheOtherRows) {
  const Problem all{13, 384};
  Problem last{1, 384};
  last.x.assign(all.x.end() - 384, all.x.end());
  const std::vector<float> y = normalised(all);
  EXPECT_EQ(normalised(last), std::vector<float>(y.end() - 384, y.end()));
}

TEST(CudaLayerNorm, IsWhatTheNaiveKernelComputes) {
  for (const Problem& problem : kProblems) {
    EXPECT_LE(relative_error(normalised(problem), normalised(problem, launch_layer_norm_naive)), 3e-7);
  }
}

TEST(CudaLayerNorm, GivesTheSameBytesInAnyOrder) {
  for (const Problem& problem : {Problem{19, 384}, Problem{2, 1300}}) {
    same_for_every_order([&] { return normalised(problem); });
  }
}

TEST(CudaNormStatistics, AreAsExactAsThreeFloatsCanBe) {
  std::vector<Problem> problems = kProblems;
  for (const int64_t columns : {2, 33, 1300}) {
    problems.push_back(Problem::around(3000.0f, 3, columns));
    problems.push_back(Problem::around(-1e6f, 3, columns));
  }
  for (const Problem& problem : problems) {
    const std::vector<float> mean_rstd = norm_statistics_of(problem);
    for (int64_t row = 0; row < problem.rows; ++row) {
      const Row of = row_of(problem, row);
      const float* m = mean_rstd.data() + 3 * row;
      EXPECT_EQ(m[0], static_cast<float>(of.mean));
      EXPECT_NEAR(static_cast<double>(m[0]) + m[1], of.mean, 1e-14 * std::abs(of.mean) + 1e-16);
      EXPECT_NEAR(m[2], of.scale, of.scale * 6e-8) << problem.columns << " columns";
    }
  }
}

TEST(CudaNormStatistics, AreNotMisledByAnOutlierThatComesFirst) {
  Problem problem{1, 2000};
  problem.x[0] = 1e7f;
  const Row of = row_of(problem, 0);
  const std::vector<float> mean_rstd = norm_statistics_of(problem);
  EXPECT_NEAR(static_cast<double>(mean_rstd[0]) + mean_rstd[1], of.mean, 1e-9);
  EXPECT_NEAR(mean_rstd[2], of.scale, of.scale * 6e-8);
}

TEST(CudaNormStatistics, OfAConstantRowHaveTheScaleOfEpsAlone) {
  for (const float eps : {1e-5f, 1e-12f, 0.0f}) {
    Problem problem{1, 384, eps};
    problem.x.assign(384, -12345.678f);
    const std::vector<float> expected = {-12345.678f, 0.0f,
                                         static_cast<float>(1 / std::sqrt(static_cast<double>(eps)))};
    EXPECT_EQ(norm_statistics_of(problem), expected);
  }
}

TEST(CudaNormStatistics, AreWhatTheNaiveKernelComputes) {
  for (const Problem& problem : kProblems) {
    EXPECT_LE(relative_error(norm_statistics_of(problem), norm_statistics_of(problem, launch_norm_statistics_naive)),
              1e-7);
  }
}

TEST(CudaNormStatistics, GiveTheSameBytesInAnyOrder) {
  same_for_every_order([] { return norm_statistics_of({3, 1300}); });
}

}  // namespace
}  // namespace dnd::cuda
