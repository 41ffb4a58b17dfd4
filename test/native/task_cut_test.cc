#include "cpu/spectral/task_cut.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cpu/isa/kernels.h"
#include "cpu/spectral/spectral_layout.h"
#include "plan/convolution_plan.h"

namespace dnd::cpu {
namespace {

/// Every small number, and some large ones.
std::vector<int> thread_counts() {
  std::vector<int> counts = {32, 64};
  for (int threads = 24; threads >= 1; --threads) counts.insert(counts.begin(), threads);
  return counts;
}

struct Planned {
  ConvolutionShape shape;
  SpectralPlan plan;
};

/// Convolutions of the published decoders, narrow and wide, with few and many tiles, and the smallest possible; with
/// budgets for one chunk and for many.
std::vector<Planned> planned_convolutions(const char* instruction_set) {
  const ConvolutionShape shapes[] = {
      {1, 1, 1, 1, 1, 1},          {1, 1, 1, 1, 1, 15},         {1, 10, 10, 2048, 130, 9},
      {1, 50, 25, 512, 200, 9},    {1, 384, 300, 384, 128, 9},  {1, 200, 130, 10, 2048, 9},
      {1, 2048, 4296, 10, 130, 9}, {8, 2048, 4296, 10, 130, 9}, {1, 2048, 4928, 18, 514, 11},
      {3, 37, 17, 20, 30, 5},      {1, 1024, 8, 10, 10, 9},     {8, 128, 256, 50, 200, 9}};
  std::vector<Planned> planned;
  for (const ConvolutionShape& shape : shapes) {
    for (int64_t budget : {int64_t{64} << 20, PlanOptions::kDefaultWorkspaceBytes}) {
      planned.push_back(
          {shape, plan_convolution(shape, {instruction_set, kDndSpectral, budget}).spectral});
    }
  }
  return planned;
}

std::string name(const Planned& planned, int threads) {
  const ConvolutionShape& s = planned.shape;
  return std::to_string(s.batch) + " × " + std::to_string(s.channels) + " → " + std::to_string(s.out_channels) + ", " +
         std::to_string(s.size_i) + " × " + std::to_string(s.size_j) + ", kernel " + std::to_string(s.kernel) + ", " +
         std::to_string(threads) + " threads";
}

struct Cut {
  Planned planned;
  int64_t lanes;
  int threads;
  TaskCut cut;
};

/// Cached; for all convolutions, instruction sets and numbers of threads.
const std::vector<Cut>& all_cuts() {
  static const std::vector<Cut> all = [] {
    std::vector<Cut> cuts;
    for (const char* instruction_set : {"baseline", "avx2", "avx512", "neon"}) {
      const InstructionSetRates& rates = rates_of(instruction_set);
      for (const Planned& planned : planned_convolutions(instruction_set)) {
        for (int threads : thread_counts()) {
          const int64_t tiles = planned.plan.chunk_tiles;
          cuts.push_back(
              {planned, rates.lanes, threads, cut_tasks(planned.shape, planned.plan, rates, tiles, threads)});
        }
      }
    }
    return cuts;
  }();
  return all;
}

TEST(TaskCut, gives_every_task_a_vector_of_outputs_and_a_tile_and_no_more_outputs_than_the_plan_allows) {
  for (const auto& [planned, lanes, threads, cut] : all_cuts()) {
    SCOPED_TRACE(name(planned, threads));
    const int64_t vectors = divide_up(planned.shape.out_channels, lanes);
    ASSERT_GE(cut.blocks, 1);
    ASSERT_LE(cut.blocks, vectors);
    ASSERT_LE(divide_up(vectors, cut.blocks) * lanes, planned.plan.block_outs);
    ASSERT_GE(cut.parts, 1);
    ASSERT_LE(cut.parts, planned.plan.chunk_tiles);
  }
}

TEST(TaskCut, is_the_same_every_time) {
  for (const Planned& planned : planned_convolutions("avx2")) {
    for (int threads : {1, 2, 3, 16}) {
      const auto cut = [&] {
        return cut_tasks(planned.shape, planned.plan, rates_of("avx2"), planned.plan.chunk_tiles, threads);
      };
      EXPECT_EQ(cut().blocks, cut().blocks);
      EXPECT_EQ(cut().parts, cut().parts);
    }
  }
}

TEST(TaskCut, makes_no_more_tasks_than_the_plan_needs_for_a_single_thread) {
  for (const auto& [planned, lanes, threads, cut] : all_cuts()) {
    if (threads != 1) continue;
    EXPECT_EQ(cut.parts, 1) << name(planned, 1);
    const int64_t vectors = divide_up(planned.shape.out_channels, lanes);
    EXPECT_EQ(cut.blocks, divide_up(vectors, planned.plan.block_outs / lanes)) << name(planned, 1);
  }
}

/// One more part may leave the longest task as long as it was, so that some threads may well be idle.
TEST(TaskCut, gives_most_threads_a_task_if_there_is_enough_work) {
  for (const auto& [planned, lanes, threads, cut] : all_cuts()) {
    const int64_t pieces = divide_up(planned.shape.out_channels, lanes) * planned.plan.chunk_tiles;
    if (pieces < 16 * threads) continue;
    EXPECT_GE(2 * cut.blocks * cut.parts, threads) << name(planned, threads);
  }
}

class Layout : public testing::Test {
 protected:
  const InstructionSetRates& rates = rates_of(kernels().name);
  const std::vector<Planned> all = planned_convolutions(kernels().name);
};

TEST_F(Layout, separates_the_tile_spectra_of_a_chunk_and_each_slab) {
  for (const Planned& planned : all) {
    const SpectralLayout layout = spectral_layout(planned.plan, planned.shape, rates, 2);
    EXPECT_EQ(layout.chunk_tiles, planned.plan.chunk_tiles);
    EXPECT_GE(layout.slabs * planned.plan.slab_channels, planned.shape.channels);
    EXPECT_LT((layout.slabs - 1) * planned.plan.slab_channels, planned.shape.channels);
    EXPECT_GE(layout.tile_component_stride, layout.chunk_tiles * planned.plan.slab_channels);
    EXPECT_EQ(layout.slab_stride, 2 * planned.plan.frequencies() * layout.tile_component_stride);
  }
}

TEST_F(Layout, keeps_components_and_threads_on_cache_lines_of_their_own) {
  for (const Planned& planned : all) {
    for (int threads : {1, 2, 3, 64}) {
      const SpectralLayout layout = spectral_layout(planned.plan, planned.shape, rates, threads);
      for (int64_t floats : {layout.tile_component_stride, layout.spectra_floats(), layout.product_floats,
                             layout.column_floats, layout.rows_floats, layout.slab_floats, layout.scratch_floats}) {
        EXPECT_EQ(floats % 16, 0) << name(planned, threads);
      }
      // Lines that follow each other at an even distance would share a few sets of a cache.
      EXPECT_EQ(layout.tile_component_stride / 16 % 2, 1) << name(planned, threads);
      EXPECT_EQ(layout.column_floats / 16 % 2, 1) << name(planned, threads);
    }
  }
}

TEST_F(Layout, needs_no_more_memory_for_a_thread_among_many_than_for_one_alone) {
  for (Planned planned : all) {
    planned.plan.threads_bytes = INT64_MAX;
    const SpectralLayout alone = spectral_layout(planned.plan, planned.shape, rates, 1);
    for (int threads : thread_counts()) {
      const SpectralLayout layout = spectral_layout(planned.plan, planned.shape, rates, threads);
      EXPECT_EQ(layout.spectra_floats(), alone.spectra_floats());
      EXPECT_LE(layout.thread_floats(), alone.thread_floats()) << name(planned, threads);
      EXPECT_EQ(layout.workspace_floats(threads), layout.spectra_floats() + threads * layout.thread_floats());
    }
  }
}

TEST_F(Layout, keeps_all_threads_within_their_budget_while_tiles_can_be_split) {
  for (const Planned& planned : all) {
    for (int threads : thread_counts()) {
      const SpectralLayout layout = spectral_layout(planned.plan, planned.shape, rates, threads);
      EXPECT_LE(layout.tile_parts, layout.chunk_tiles);
      if (layout.tile_parts == layout.chunk_tiles) continue;  // one tile per task: nothing to split
      EXPECT_LE(threads * layout.thread_floats() * static_cast<int64_t>(sizeof(float)), planned.plan.threads_bytes)
          << name(planned, threads);
    }
  }
}

}  // namespace
}  // namespace dnd::cpu
