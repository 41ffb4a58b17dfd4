#include "cuda/kernels/gemm_layout.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>
#include <vector>

namespace dnd::cuda {
namespace {

/// Eight lanes' accesses of 16 bytes are served at once when no two different chunks are in the same column.
constexpr bool conflict_free(const int (&offsets)[8]) {
  for (int a = 0; a < 8; ++a) {
    for (int b = 0; b < a; ++b) {
      const bool same_column = offsets[a] / kChunkBytes % kLineChunks == offsets[b] / kChunkBytes % kLineChunks;
      if (same_column && offsets[a] != offsets[b]) return false;
    }
  }
  return true;
}

/// All four groups of eight lanes; `offset_of` returns a lane's offset.
template <typename OffsetOf>
constexpr bool warp_conflict_free(OffsetOf offset_of) {
  for (int first = 0; first < 32; first += 8) {
    int offsets[8] = {};
    for (int lane = 0; lane < 8; ++lane) offsets[lane] = offset_of(first + lane);
    if (!conflict_free(offsets)) return false;
  }
  return true;
}

constexpr bool fragment_loads_conflict_free(int (*row)(int), int (*chunk)(int)) {
  for (int first_row = 0; first_row < 256; first_row += 16) {
    for (int component = 0; component < 2; ++component) {
      for (int step = 0; step < 2; ++step) {
        const auto offset = [=](int lane) {
          return complex_offset(first_row + row(lane), component, step * 2 + chunk(lane));
        };
        if (!warp_conflict_free(offset)) return false;
      }
    }
  }
  return true;
}
static_assert(fragment_loads_conflict_free(left_fragment_row, left_fragment_chunk));
static_assert(fragment_loads_conflict_free(right_fragment_row, right_fragment_chunk));

// Copies: eight threads write a line.
static_assert(warp_conflict_free([](int lane) { return line_offset(lane / 8, lane % 8); }));
// Halves of a linear layer's weight, copied as they come.
static_assert(warp_conflict_free([](int lane) { return half_line_offset(lane / 4, lane % 4); }));

// The fp32 products: eight lanes of as many columns; the same chunk of lines one after the other, or of one line.
static_assert(warp_conflict_free([](int lane) { return line_offset(lane % 8, 3); }));
static_assert(warp_conflict_free([](int lane) { return line_offset(lane / 8, 3); }));

// A linear layer's fragments: 8 floats of a row are two chunks, 8 halves of a column one.
static_assert(warp_conflict_free([](int lane) { return line_offset(lane_line(lane), lane_channel(lane) / 4); }));
static_assert(warp_conflict_free([](int lane) { return line_offset(lane_line(lane), lane_channel(lane) / 4 + 1); }));
static_assert(warp_conflict_free([](int lane) { return half_line_offset(lane_line(lane), lane_channel(lane) / 8); }));

TEST(GemmLayout, TellsAConflictWhereThereIsOne) {
  EXPECT_FALSE(warp_conflict_free([](int lane) { return lane * kLineBytes; }));
  EXPECT_TRUE(warp_conflict_free([](int) { return 3 * kLineBytes; })) << "one chunk for all is handed out at once";
}

TEST(GemmLayout, PlacesEveryChunkOfAStageOnce) {
  std::set<int> offsets;
  for (int line = 0; line < 256; ++line) {
    for (int chunk = 0; chunk < kLineChunks; ++chunk) {
      const int offset = line_offset(line, chunk);
      EXPECT_EQ(offset % kChunkBytes, 0);
      EXPECT_EQ(offset / kLineBytes, line);
      offsets.insert(offset);
    }
  }
  EXPECT_EQ(offsets.size(), 256u * kLineChunks);
}

TEST(GemmLayout, KeepsComponentsOfALineApart) {
  for (int line = 0; line < 16; ++line) {
    std::set<int> offsets;
    for (int component = 0; component < 2; ++component) {
      for (int chunk = 0; chunk < kComponentChunks; ++chunk) offsets.insert(complex_offset(line, component, chunk));
    }
    EXPECT_EQ(offsets.size(), 8u);
  }
}

TEST(GemmLayout, NamesAllMatricesOfAFragmentInTheirOrder) {
  for (int matrix = 0; matrix < 4; ++matrix) {
    for (int row = 0; row < 8; ++row) {
      const int lane = matrix * 8 + row;
      EXPECT_EQ(left_fragment_row(lane), matrix % 2 * 8 + row);
      EXPECT_EQ(left_fragment_chunk(lane), matrix / 2);
      EXPECT_EQ(right_fragment_row(lane), matrix / 2 * 8 + row);
      EXPECT_EQ(right_fragment_chunk(lane), matrix % 2);
    }
  }
}

TEST(GemmLayout, GivesEverySumToOneLane) {
  std::set<std::pair<int, int>> places;
  for (int lane = 0; lane < 32; ++lane) {
    for (int index = 0; index < 4; ++index) places.emplace(sum_row(lane, index), sum_column(lane, index));
    EXPECT_EQ(sum_column(lane, 1), sum_column(lane, 0) + 1) << "stored as pairs";
  }
  EXPECT_EQ(places.size(), 16u * 8u);
  EXPECT_EQ(*places.rbegin(), std::make_pair(15, 7));
}

TEST(GemmLayout, TakesEveryChannelOfAStageOnce) {
  std::set<int> channels;
  for (int lane = 0; lane < 4; ++lane) {
    for (int channel = 0; channel < 8; ++channel) channels.insert(lane_channel(lane) + channel);
  }
  EXPECT_EQ(channels.size(), 32u);
  EXPECT_EQ(*channels.rbegin(), 31);
}

TEST(GemmLayout, RunsBlocksOfOnePanelTogether) {
  constexpr unsigned kRows = 3, kColumns = 5, kFrequencies = 4;
  std::set<std::tuple<int64_t, int, int>> seen;
  for (unsigned block = 0; block < kRows * kColumns * kFrequencies; ++block) {
    const ProductBlock part = product_block(block, kRows, kColumns);
    EXPECT_TRUE(seen.emplace(part.frequency, part.column_block, part.row_block).second);
    const ProductBlock first = product_block(block - block % kRows, kRows, kColumns);
    EXPECT_EQ(part.frequency, first.frequency);
    EXPECT_EQ(part.column_block, first.column_block);
  }
  EXPECT_EQ(*seen.rbegin(), std::make_tuple(kFrequencies - 1, kColumns - 1, kRows - 1));
}

}  // namespace
}  // namespace dnd::cuda
