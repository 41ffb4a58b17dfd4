#include "plan/tile_axis.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "plan/transform_sizes.h"

namespace dnd {
namespace {

std::string name(const TileAxis& axis) {
  return std::to_string(axis.size) + " points, " + std::to_string(axis.kernel) + " taps, tiles of " +
         std::to_string(axis.points);
}

/// Every axis up to twice the largest tile and a bit, with every kernel and tile that can be tiled at all.
std::vector<TileAxis> possible_axes() {
  std::vector<TileAxis> axes;
  for (int64_t size = 1; size <= 2 * kLargestTransform + 5; ++size) {
    for (int64_t kernel = 1; kernel <= kLargestSpectralKernel; kernel += 2) {
      for (int64_t points : kTransformSizes) {
        const TileAxis axis = {size, kernel, points};
        if (axis.whole() || points >= kernel) axes.push_back(axis);
      }
    }
  }
  return axes;
}

TEST(TileAxis, gives_every_output_to_exactly_one_tile_in_order) {
  for (const TileAxis& axis : possible_axes()) {
    int64_t next = 0;
    for (int64_t tile = 0; tile < axis.tiles(); ++tile) {
      ASSERT_EQ(axis.output_begin(tile), next) << name(axis) << ", tile " << tile;
      ASSERT_GE(axis.output_count(tile), 1) << name(axis) << ", tile " << tile;
      ASSERT_LE(axis.output_count(tile), axis.valid()) << name(axis) << ", tile " << tile;
      next += axis.output_count(tile);
    }
    ASSERT_EQ(next, axis.size) << name(axis);
  }
}

TEST(TileAxis, lets_every_tap_of_every_output_meet_its_own_input_or_padding_in_the_circle_of_a_tile) {
  constexpr int64_t kPadding = -1;
  for (const TileAxis& axis : possible_axes()) {
    const auto plane = [&axis](int64_t point) { return point >= 0 && point < axis.size ? point : kPadding; };
    for (int64_t tile = 0; tile < axis.tiles(); ++tile) {
      ASSERT_LE(axis.output_point() + axis.output_count(tile), axis.points) << name(axis);
      for (int64_t i = 0; i < axis.output_count(tile); ++i) {
        const int64_t output = axis.output_begin(tile) + i;
        for (int64_t tap = -axis.half(); tap <= axis.half(); ++tap) {
          const int64_t point = (axis.output_point() + i + tap + axis.points) % axis.points;
          ASSERT_EQ(plane(axis.input_begin(tile) + point), plane(output + tap))
              << name(axis) << ", output " << output << ", tap " << tap;
        }
      }
    }
  }
}

TEST(TileAxis, is_one_whole_tile_when_half_a_kernel_of_padding_fits_behind_it) {
  EXPECT_TRUE((TileAxis{10, 9, 14}.whole()));
  EXPECT_FALSE((TileAxis{11, 9, 14}.whole()));
  for (const TileAxis& axis : possible_axes()) {
    if (!axis.whole()) continue;
    EXPECT_EQ(axis.tiles(), 1) << name(axis);
    EXPECT_EQ(axis.input_begin(0), 0) << name(axis);
    EXPECT_EQ(axis.output_count(0), axis.size) << name(axis);
  }
}

TEST(TileAxis, shorter_than_the_kernel_is_still_one_tile) {
  const TileAxis axis = {1, 15, 8};  // the tile too has fewer points than the kernel has taps
  EXPECT_TRUE(axis.whole());
  EXPECT_EQ(axis.tiles(), 1);
  EXPECT_EQ(axis.valid(), 1);
}

TEST(TileAxis, needs_no_more_tiles_when_they_are_larger) {
  for (const TileAxis& axis : possible_axes()) {
    const TileAxis larger = {axis.size, axis.kernel, axis.points + 2};
    EXPECT_LE(larger.tiles(), axis.tiles()) << name(axis);
  }
}

}  // namespace
}  // namespace dnd
