#include "model/measure.h"

#include <gtest/gtest.h>

#include "core/status.h"

namespace dnd {
namespace {

TEST(Measure, times_a_product_and_a_convolution) {
  Job job;
  EXPECT_GT(measure_gemm(100, 1, job), 0);
  EXPECT_EQ(job.progress(), 1);
  EXPECT_GT(measure_convolution({kDndHeight, 2, 10, 12, 14, 5, 3}, 2, job), 0);
}

TEST(Measure, takes_longer_for_more_work) {
  Job job;
  EXPECT_GT(measure_gemm(512, 1, job), 4 * measure_gemm(64, 1, job));
}

TEST(Measure, refuses_sizes_that_make_no_sense_and_stops_when_cancelled) {
  Job job;
  EXPECT_THROW(measure_gemm(0, 1, job), Error);
  EXPECT_THROW(measure_convolution({kDndHeight, 2, 10, 12, 14, 5, 4}, 2, job), Error);
  EXPECT_THROW(measure_convolution({kDndHeight, 0, 10, 12, 14, 5, 3}, 2, job), Error);
  job.cancel();
  EXPECT_THROW(measure_gemm(100, 1, job), Error);
}

}  // namespace
}  // namespace dnd
