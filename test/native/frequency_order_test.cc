#include "cpu/spectral/frequency_order.h"

#include <gtest/gtest.h>

#include <vector>

#include "naive_spectrum.h"

namespace dnd::cpu {
namespace {

using test::stored_points;
using test::StoredPoint;

TEST(FrequencyOrder, stores_every_frequency_of_half_the_plane_once) {
  for (int64_t halved : kTransformSizes) {
    for (int64_t full : kTransformSizes) {
      const FrequencyOrder order = frequency_order(halved, full);
      EXPECT_EQ(order.columns(), halved / 2);
      EXPECT_EQ(order.points(), full * (halved / 2) + 2);
      std::vector<int> times(order.points());
      for (const StoredPoint& stored : stored_points(order)) {
        ASSERT_TRUE(stored.point >= 0 && stored.point < order.points()) << halved << " × " << full;
        ++times[stored.point];
      }
      for (int count : times) ASSERT_EQ(count, 1) << halved << " × " << full;
    }
  }
}

TEST(FrequencyOrder, keeps_the_frequencies_of_a_step_together) {
  for (int64_t full : kTransformSizes) {
    const FrequencyOrder order = frequency_order(8, full);
    int64_t general_begin = 0, symmetric_begin = 0;
    for (int64_t step = 0; 4 * step <= full; ++step) {
      const int64_t general_end = general_begin + points_of_steps(full, false, step, step + 1);
      const int64_t symmetric_end = symmetric_begin + points_of_steps(full, true, step, step + 1);
      for (int64_t f : {step, full - step, full / 2 - step, full / 2 + step}) {
        const int64_t place = order.general[f % full];
        EXPECT_TRUE(place >= general_begin && place < general_end) << full << " points, step " << step << ", " << f;
      }
      for (int64_t f : {step, full / 2 - step}) {
        for (int64_t place : {order.zero[f], order.nyquist[f]}) {
          EXPECT_TRUE(place >= symmetric_begin && place < symmetric_end) << full << " points, step " << step;
        }
      }
      general_begin = general_end, symmetric_begin = symmetric_end;
    }
    EXPECT_EQ(general_begin, full);
    EXPECT_EQ(symmetric_begin, full + 2);
    EXPECT_EQ(points_of_steps(full, false, 0, full / 4 + 1), full);
    EXPECT_EQ(points_of_steps(full, true, 0, full / 4 + 1), full + 2);
  }
}

}  // namespace
}  // namespace dnd::cpu
