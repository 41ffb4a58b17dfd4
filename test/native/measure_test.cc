#include "bench/measure.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "core/status.h"

namespace dnd {
namespace {

const MeasureOptions kThreeRuns = {.device = 2, .runs = 3};

DndConvolution small_convolution(DndAlgorithm algorithm) {
  DndConvolution size{};
  size.axis = kDndHeight;
  size.batch = 2;
  size.tokens = 20;
  size.height = 12;
  size.width = 24;
  size.out_channels = 5;
  size.kernel_size = 3;
  size.algorithm = algorithm;
  size.workspace_limit = int64_t{1} << 28;
  return size;
}

double sum(const auto& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

TEST(Measure, reports_the_seconds_of_every_run) {
  Job job;
  const ConvolutionRuns convolution = measure_convolution(small_convolution(kDndAuto), kThreeRuns, job);
  for (const auto& seconds : {measure_gemm(100, kThreeRuns, job), measure_copy(1 << 20, kThreeRuns, job),
                              measure_copy(3, kThreeRuns, job), convolution.seconds}) {
    ASSERT_EQ(seconds.size(), 3u);
    EXPECT_GT(*std::min_element(seconds.begin(), seconds.end()), 0);
  }
  EXPECT_EQ(job.progress(), 1);
}

TEST(Measure, reports_parts_only_for_a_spectral_convolution) {
  Job job;
  EXPECT_GT(sum(measure_convolution(small_convolution(kDndSpectral), kThreeRuns, job).part_seconds), 0);
  EXPECT_EQ(sum(measure_convolution(small_convolution(kDndDirect), kThreeRuns, job).part_seconds), 0);
}

TEST(Measure, starts_no_further_run_after_enough_time) {
  Job job;
  EXPECT_EQ(measure_gemm(64, {.device = 1, .runs = 1000, .enough_seconds = 0}, job).size(), 1u);
}

TEST(Measure, takes_longer_for_more_work) {
  Job job;
  const MeasureOptions options = {.device = 1, .runs = 3};
  const auto fastest = [&](int64_t n) {
    const std::vector<double> seconds = measure_gemm(n, options, job);
    return *std::min_element(seconds.begin(), seconds.end());
  };
  EXPECT_GT(fastest(512), 4 * fastest(64));
}

TEST(Measure, rejects_invalid_sizes_and_stops_when_cancelled) {
  Job job;
  EXPECT_THROW(measure_gemm(0, kThreeRuns, job), Error);
  EXPECT_THROW(measure_gemm(10, {.device = 1, .runs = 0}, job), Error);
  EXPECT_THROW(measure_copy(0, kThreeRuns, job), Error);
  DndConvolution even = small_convolution(kDndAuto), empty = even;
  even.kernel_size = 4;
  empty.batch = 0;
  EXPECT_THROW(measure_convolution(even, kThreeRuns, job), Error);
  EXPECT_THROW(measure_convolution(empty, kThreeRuns, job), Error);
  job.cancel();
  EXPECT_THROW(measure_gemm(100, kThreeRuns, job), Error);
  EXPECT_THROW(measure_copy(1 << 20, kThreeRuns, job), Error);
  EXPECT_THROW(measure_convolution(small_convolution(kDndAuto), kThreeRuns, job), Error);
}

}  // namespace
}  // namespace dnd
