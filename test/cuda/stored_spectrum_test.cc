#include "cuda/kernels/stored_spectrum.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "plan/cuda_plan.h"

namespace dnd::cuda {
namespace {

template <typename Check>
void for_every_size(Check check) {
  for (int64_t full : kCudaTransformSizes) {
    for (int64_t halved : kCudaTransformSizes) {
      SCOPED_TRACE(testing::Message() << full << " x " << halved << " points");
      check(static_cast<int>(full), static_cast<int>(halved));
    }
  }
}

TEST(StoredSpectrum, has_the_order_of_the_documentation) {
  for_every_size([](int full, int halved) {
    int f = 0;
    for (int row = 0; row <= full / 2; ++row) EXPECT_EQ(frequency_place(full, halved, f++), (FrequencyPlace{row, 0}));
    for (int row = 0; row <= full / 2; ++row) {
      EXPECT_EQ(frequency_place(full, halved, f++), (FrequencyPlace{row, halved / 2}));
    }
    for (int column = 1; column < halved / 2; ++column) {
      for (int row = 0; row < full; ++row) {
        EXPECT_EQ(frequency_place(full, halved, f), (FrequencyPlace{row, column}));
        EXPECT_EQ(f, full + 2 + (column - 1) * full + row);
        ++f;
      }
    }
    EXPECT_EQ(f, frequency_count(full, halved));
  });
}

TEST(StoredSpectrum, counts_as_the_plan_does) {
  for_every_size([](int full, int halved) {
    const CudaTiling tiling = {{full, 1, full}, {halved, 1, halved}, false};
    EXPECT_EQ(frequency_count(full, halved), tiling.frequencies());
  });
}

TEST(StoredSpectrum, columns_begin_where_their_rows_are) {
  for_every_size([](int full, int halved) {
    int stored = 0;
    for (int column = 0; column <= halved / 2; ++column) {
      for (int row = 0; row < stored_rows(full, halved, column); ++row) {
        EXPECT_EQ(frequency_place(full, halved, column_begin(full, halved, column) + row),
                  (FrequencyPlace{row, column}));
        ++stored;
      }
    }
    EXPECT_EQ(stored, frequency_count(full, halved));
  });
}

TEST(StoredSpectrum, stands_for_every_frequency_of_a_tile_once) {
  for_every_size([](int full, int halved) {
    std::set<std::pair<int, int>> seen;
    for (int f = 0; f < frequency_count(full, halved); ++f) {
      const FrequencyPlace place = frequency_place(full, halved, f);
      const auto insert = [&](int row, int column) {
        EXPECT_TRUE(seen.insert({row % full, column % halved}).second) << "row " << row << ", column " << column;
      };
      insert(place.row, place.column);
      if (frequency_multiplicity(full, halved, place) == 2) insert(full - place.row, halved - place.column);
    }
    EXPECT_EQ(static_cast<int>(seen.size()), full * halved);
  });
}

}  // namespace
}  // namespace dnd::cuda
