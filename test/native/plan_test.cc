#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "core/status.h"
#include "cpu/isa/kernels.h"
#include "cpu/isa/spectral_kernels.h"
#include "plan/decoder_plan.h"
#include "plan/transform_sizes.h"
#include "published_decoders.h"

namespace dnd {
namespace {

constexpr int64_t kMebibyte = int64_t{1} << 20;
const char* const kInstructionSets[] = {"baseline", "avx2", "avx512", "neon"};

PlanOptions options_for(const char* instruction_set, DndAlgorithm algorithm = kDndAuto,
                        int64_t workspace_bytes = PlanOptions::kDefaultWorkspaceBytes) {
  return {instruction_set, algorithm, workspace_bytes};
}

std::string name(const ConvolutionShape& s) {
  return std::to_string(s.batch) + " × " + std::to_string(s.channels) + " → " + std::to_string(s.out_channels) + ", " +
         std::to_string(s.size_i) + " × " + std::to_string(s.size_j) + ", kernel " + std::to_string(s.kernel);
}

/// Every field of a plan, numbers exactly.
std::string fields_of(const ConvolutionPlan& plan) {
  std::string text = plan.algorithm == Algorithm::kDirect ? "direct" : "spectral";
  const SpectralPlan& s = plan.spectral;
  for (int64_t number :
       {s.halved.size, s.halved.kernel, s.halved.points, s.full.size, s.full.kernel, s.full.points,
        int64_t{s.halved_is_i}, s.slab_channels, s.slab_steps, s.block_outs, s.chunk_tiles, s.threads_bytes}) {
    (text += ' ') += std::to_string(number);
  }
  const SpectralCost& cost = plan.spectral_cost;
  for (double seconds : {cost.forward, cost.weights, cost.product, cost.inverse, plan.direct_seconds}) {
    char exact[40];
    std::snprintf(exact, sizeof(exact), " %a", seconds);
    text += exact;
  }
  for (const RejectedCandidate& rejected : plan.rejected) text += "; " + rejected.candidate + ": " + rejected.reason;
  return text;
}

/// Shapes log-uniform over every order of magnitude, including axes shorter than the kernel, kernels without a weight
/// transform, and the ends of every range.
std::vector<ConvolutionShape> random_shapes(int count) {
  std::mt19937 random(31);
  const auto up_to = [&random](double most) {
    const double share = static_cast<double>(random()) / 4294967296.0;
    return static_cast<int64_t>(std::pow(most + 1, share));
  };
  std::vector<ConvolutionShape> shapes = {{1, 1, 1, 1, 1, 1},     {1, 1, 1, 1, 1, 15},     {1, 1, 1, 1, 1, 17},
                                          {1, 1, 1, 40, 40, 9},   {1, 1, 300, 40, 40, 9},  {1, 300, 1, 40, 40, 9},
                                          {1, 300, 300, 3, 2, 9}, {1, 300, 300, 40, 1, 9}, {8, 300, 300, 40, 40, 1}};
  while (shapes.size() < static_cast<size_t>(count)) {
    shapes.push_back(
        {up_to(16), up_to(4000), up_to(4000), up_to(1000), up_to(1000), 1 + 2 * static_cast<int64_t>(random() % 9)});
  }
  return shapes;
}

/// Budgets from less than one tile to all of them.
constexpr int64_t kBudgets[] = {1000, 100 * 1000, 4 * kMebibyte, 64 * kMebibyte, 1024 * kMebibyte};

void for_each_plan(DndAlgorithm algorithm,
                   const std::function<void(const ConvolutionPlan&, const PlanOptions&)>& check) {
  for (const char* instruction_set : kInstructionSets) {
    for (int64_t budget : kBudgets) {
      const PlanOptions options = options_for(instruction_set, algorithm, budget);
      for (const ConvolutionShape& shape : random_shapes(60)) {
        SCOPED_TRACE(name(shape) + ", " + instruction_set + ", " + std::to_string(budget) + " bytes");
        check(plan_convolution(shape, options), options);
      }
    }
  }
}

Error error_of(const ConvolutionShape& shape, const PlanOptions& options) {
  try {
    plan_convolution(shape, options);
  } catch (const Error& error) {
    return error;
  }
  return {ErrorCode::kInternal, "no error"};
}

void expect_refused(const ConvolutionShape& shape, const PlanOptions& options, ErrorCode code,
                    const std::string& reason) {
  const Error error = error_of(shape, options);
  EXPECT_EQ(error.code(), code) << name(shape);
  EXPECT_NE(std::string(error.what()).find(reason), std::string::npos) << error.what();
}

TEST(ConvolutionPlan, is_the_same_for_the_same_shape_and_options) {
  for_each_plan(kDndAuto, [](const ConvolutionPlan& plan, const PlanOptions& options) {
    EXPECT_EQ(fields_of(plan_convolution(plan.shape, options)), fields_of(plan));
  });
}

void expect_axis(const TileAxis& axis, int64_t size, int64_t kernel) {
  EXPECT_EQ(axis.size, size);
  EXPECT_EQ(axis.kernel, kernel);
  EXPECT_EQ(std::count(std::begin(kTransformSizes), std::end(kTransformSizes), axis.points), 1) << axis.points;
  EXPECT_TRUE(axis.whole() || axis.points >= kernel);
  // More points than the whole axis needs would be only padding.
  for (int64_t smaller : kTransformSizes) {
    EXPECT_FALSE((smaller < axis.points && TileAxis{size, kernel, smaller}.whole())) << axis.points << " points";
  }
}

TEST(ConvolutionPlan, has_tiles_that_cover_both_axes_and_blocks_that_fit_each_other_and_the_budget) {
  int64_t plans = 0;
  for_each_plan(kDndAuto, [&plans](const ConvolutionPlan& plan, const PlanOptions& options) {
    if (!plan.has_spectral()) return;
    ++plans;
    const SpectralPlan& spectral = plan.spectral;
    const ConvolutionShape& shape = plan.shape;
    const int64_t lanes = rates_of(options.instruction_set).lanes, line = 64 / static_cast<int64_t>(sizeof(float));
    expect_axis(spectral.halved, spectral.halved_is_i ? shape.size_i : shape.size_j, shape.kernel);
    expect_axis(spectral.full, spectral.halved_is_i ? shape.size_j : shape.size_i, shape.kernel);

    EXPECT_GE(spectral.slab_channels, 1);
    EXPECT_EQ(spectral.slab_channels % lanes, 0);
    EXPECT_EQ(spectral.slab_channels % line, 0);
    EXPECT_GE(spectral.slab_steps, 1);
    EXPECT_LE(spectral.slab_steps, spectral.steps());
    EXPECT_GE(spectral.block_outs, lanes);
    EXPECT_EQ(spectral.block_outs % lanes, 0);
    EXPECT_LT(spectral.block_outs, shape.out_channels + lanes);

    EXPECT_GE(spectral.chunk_tiles, 1);
    EXPECT_LE(spectral.chunk_tiles, shape.batch * spectral.plane_tiles());
    EXPECT_LE(tile_spectra_bytes(shape, spectral), options.workspace_bytes / 2);
    EXPECT_LE(spectral.threads_bytes, options.workspace_bytes / 2);
  });
  EXPECT_GT(plans, 400);  // of 900
}

TEST(ConvolutionPlan, holds_tile_spectra_only_for_the_spectral_algorithm) {
  for_each_plan(kDndAuto, [](const ConvolutionPlan& plan, const PlanOptions&) {
    if (plan.algorithm == Algorithm::kDirect) {
      EXPECT_EQ(plan.tile_spectra_bytes(), 0);
      return;
    }
    // Two floats per stored frequency and (rounded up) channel, for each tile of a chunk.
    const SpectralPlan& spectral = plan.spectral;
    const int64_t slabs = (plan.shape.channels + spectral.slab_channels - 1) / spectral.slab_channels;
    EXPECT_EQ(plan.tile_spectra_bytes(),
              4 * 2 * spectral.frequencies() * slabs * spread_stride(spectral.slab_channels * spectral.chunk_tiles));
  });
}

TEST(ConvolutionPlan, predicts_a_positive_time_for_each_part_and_takes_the_faster_algorithm) {
  for_each_plan(kDndAuto, [](const ConvolutionPlan& plan, const PlanOptions&) {
    EXPECT_GT(plan.direct_seconds, 0);
    if (!plan.has_spectral()) {
      EXPECT_EQ(plan.algorithm, Algorithm::kDirect);
      EXPECT_EQ(plan.seconds(), plan.direct_seconds);
      return;
    }
    const SpectralCost& cost = plan.spectral_cost;
    for (double seconds : {cost.forward, cost.weights, cost.product, cost.inverse}) EXPECT_GT(seconds, 0);
    EXPECT_EQ(plan.algorithm == Algorithm::kSpectral, cost.total() < plan.direct_seconds);
    EXPECT_EQ(plan.seconds(), std::min(cost.total(), plan.direct_seconds));
  });
}

TEST(ConvolutionPlan, gives_the_reason_for_each_rejected_algorithm_and_tiling) {
  for_each_plan(kDndAuto, [](const ConvolutionPlan& plan, const PlanOptions&) {
    ASSERT_FALSE(plan.rejected.empty());
    const std::string& first = plan.rejected.front().candidate;
    EXPECT_EQ(first.find(plan.algorithm == Algorithm::kDirect ? "spectral" : "direct"), 0u) << first;
    for (const RejectedCandidate& rejected : plan.rejected) {
      EXPECT_FALSE(rejected.reason.empty()) << rejected.candidate;
      // "predicted 2 s, -1 s more" would be the better choice.
      EXPECT_EQ(rejected.reason.find(", -"), std::string::npos) << rejected.candidate << ": " << rejected.reason;
    }
  });
  const ConvolutionPlan plan = plan_convolution({1, 200, 200, 50, 256, 9}, options_for("avx2"));
  ASSERT_EQ(plan.rejected.size(), 4u);
  EXPECT_EQ(plan.rejected[0].candidate, "direct");
  EXPECT_EQ(plan.rejected[1].candidate.find("smaller tiles: spectral, "), 0u);
  EXPECT_EQ(plan.rejected[2].candidate.find("larger tiles: spectral, "), 0u);
  EXPECT_EQ(plan.rejected[3].candidate.find("the other axis halved: spectral, "), 0u);
  const PlanOptions little = options_for("avx2", kDndAuto, 4 * kMebibyte);
  const RejectedCandidate last = plan_convolution({1, 200, 200, 50, 256, 9}, little).rejected.back();
  EXPECT_NE(last.candidate.find(" larger tilings"), std::string::npos) << last.candidate;
  EXPECT_EQ(last.reason, "one tile exceeds the budget of 4 MiB");
}

TEST(ConvolutionPlan, uses_the_requested_algorithm_if_possible) {
  for_each_plan(kDndDirect, [](const ConvolutionPlan& plan, const PlanOptions&) {
    EXPECT_EQ(plan.algorithm, Algorithm::kDirect);
    if (!plan.has_spectral()) return;
    EXPECT_EQ(plan.rejected.front().reason, "the direct algorithm was requested");
  });
  for (const char* instruction_set : kInstructionSets) {
    for (const ConvolutionShape& shape : random_shapes(60)) {
      if (shape.kernel > kLargestSpectralKernel) continue;
      const ConvolutionPlan plan = plan_convolution(shape, options_for(instruction_set, kDndSpectral));
      EXPECT_EQ(plan.algorithm, Algorithm::kSpectral) << name(shape);
      EXPECT_EQ(plan.rejected.front().candidate, "direct");
      EXPECT_EQ(plan.rejected.front().reason, "the spectral algorithm was requested");
    }
  }
}

TEST(ConvolutionPlan, is_direct_where_the_kernel_is_too_large_for_the_weight_transforms) {
  for (const char* instruction_set : kInstructionSets) {
    const ConvolutionPlan plan = plan_convolution({1, 200, 200, 50, 256, 17}, options_for(instruction_set));
    EXPECT_EQ(plan.algorithm, Algorithm::kDirect);
    EXPECT_FALSE(plan.has_spectral());
    ASSERT_EQ(plan.rejected.size(), 1u);
    EXPECT_EQ(plan.rejected[0].reason, "kernels of more than 15 taps have no weight transform");
    const ConvolutionPlan largest = plan_convolution({1, 200, 200, 50, 256, 15}, options_for(instruction_set));
    EXPECT_EQ(largest.algorithm, Algorithm::kSpectral);
    expect_refused({1, 200, 200, 50, 256, 17}, options_for(instruction_set, kDndSpectral), ErrorCode::kInvalidArgument,
                   "kernels of more than 15 taps have no weight transform");
  }
}

TEST(ConvolutionPlan, is_direct_if_the_budget_is_too_small_for_a_tile) {
  const ConvolutionShape shape = {1, 16, 400, 300, 300, 9};
  for (const char* instruction_set : kInstructionSets) {
    const ConvolutionPlan plan = plan_convolution(shape, options_for(instruction_set, kDndAuto, 1000));
    EXPECT_EQ(plan.algorithm, Algorithm::kDirect);
    EXPECT_FALSE(plan.has_spectral());
    ASSERT_EQ(plan.rejected.size(), 1u);
    EXPECT_EQ(plan.rejected[0].reason, "one tile exceeds the budget of 0.000954 MiB");

    // The smallest tile that nine taps leave an output of has 10 × 10 points, so 52 frequencies, five columns and three
    // steps. Half of the budget must hold what four threads need for it and one vector of outputs: three floats of the
    // product per frequency, and per input channel the halves of nine taps per column and the slab (beside which a
    // vector is free), a sum of both parts, and the scratch memory of a transform. Each is rounded up as it is in
    // memory.
    const int64_t lanes = rates_of(instruction_set).lanes;
    const int64_t scratch = lanes * (lanes * 11 + 2 * 10 * 11);
    const int64_t floats = 3 * 52 * spread_stride(lanes) + 5 * spread_stride(16 * 2 * 9 * lanes) +
                           3 * 4 * 3 * (16 * lanes + lanes) + 16 + (scratch + 15) / 16 * 16;
    const int64_t least = 2 * 4 * floats * static_cast<int64_t>(sizeof(float));
    const auto spectral = [&](int64_t budget) { return options_for(instruction_set, kDndSpectral, budget); };
    expect_refused(shape, spectral(least - 1), ErrorCode::kOutOfMemory, "budget");
    EXPECT_EQ(plan_convolution(shape, spectral(least)).spectral.halved.points, 10);
  }
}

TEST(ConvolutionPlan, is_direct_for_single_channels_and_single_taps) {
  for (const char* instruction_set : kInstructionSets) {
    for (const ConvolutionShape& shape :
         {ConvolutionShape{1, 1, 1, 200, 200, 9}, ConvolutionShape{1, 1, 1, 1, 1, 15},
          ConvolutionShape{1, 1, 1, 5, 300, 3}, ConvolutionShape{1, 1, 1, 200, 200, 1},
          ConvolutionShape{1, 10, 10, 200, 200, 1}, ConvolutionShape{8, 500, 500, 50, 50, 1}}) {
      const ConvolutionPlan plan = plan_convolution(shape, options_for(instruction_set));
      EXPECT_EQ(plan.algorithm, Algorithm::kDirect) << name(shape) << ", " << instruction_set;
      EXPECT_EQ(plan.rejected.front().reason.find("predicted "), 0u) << plan.rejected.front().reason;
    }
  }
}

// Smaller blocks of outputs, which a tight budget may force, are not counted as a loss.
TEST(ConvolutionPlan, predicts_no_less_time_with_a_smaller_budget_and_blocks_of_the_same_size) {
  int64_t compared = 0;
  for (const char* instruction_set : kInstructionSets) {
    for (const ConvolutionShape& shape : random_shapes(60)) {
      for (size_t i = 0; i + 1 < std::size(kBudgets); ++i) {
        const auto plan = [&](int64_t budget) {
          return plan_convolution(shape, options_for(instruction_set, kDndAuto, budget));
        };
        const ConvolutionPlan less = plan(kBudgets[i]), more = plan(kBudgets[i + 1]);
        if (less.spectral.block_outs != more.spectral.block_outs) continue;
        ++compared;
        EXPECT_GE(less.seconds(), more.seconds()) << name(shape) << ", " << instruction_set;
      }
    }
  }
  EXPECT_GT(compared, 300);  // of 720
}

TEST(ConvolutionPlan, predicts_more_time_for_a_larger_batch_but_no_more_than_for_its_tasks_one_by_one) {
  constexpr double kRounding = 1 + 1e-12;
  for (const char* instruction_set : kInstructionSets) {
    for (DndAlgorithm algorithm : {kDndAuto, kDndDirect, kDndSpectral}) {
      for (ConvolutionShape shape : random_shapes(40)) {
        if (shape.kernel > kLargestSpectralKernel) continue;
        const auto seconds = [&](int64_t batch) {
          shape.batch = batch;
          return plan_convolution(shape, options_for(instruction_set, algorithm)).seconds();
        };
        const double one = seconds(1), two = seconds(2), eight = seconds(8);
        EXPECT_GT(two, one) << name(shape);
        EXPECT_LE(two, 2 * one * kRounding) << name(shape);
        EXPECT_GT(eight, two) << name(shape);
        EXPECT_LE(eight, 4 * two * kRounding) << name(shape);
      }
    }
  }
}

TEST(ConvolutionPlan, counts_the_multiply_adds_of_the_direct_algorithm_without_padding_taps) {
  for (const ConvolutionShape& shape : {ConvolutionShape{1, 1, 1, 1, 1, 9}, ConvolutionShape{2, 3, 5, 4, 7, 5},
                                        ConvolutionShape{1, 2, 1, 20, 3, 9}, ConvolutionShape{3, 4, 4, 9, 9, 1}}) {
    int64_t taps = 0;
    for (int64_t i = 0; i < shape.size_i; ++i) {
      for (int64_t j = 0; j < shape.size_j; ++j) {
        for (int64_t from_i = i - shape.kernel / 2; from_i <= i + shape.kernel / 2; ++from_i) {
          for (int64_t from_j = j - shape.kernel / 2; from_j <= j + shape.kernel / 2; ++from_j) {
            taps += from_i >= 0 && from_i < shape.size_i && from_j >= 0 && from_j < shape.size_j;
          }
        }
      }
    }
    const ConvolutionPlan plan = plan_convolution(shape, options_for("baseline", kDndDirect));
    const auto wanted = static_cast<double>(shape.batch * shape.channels * shape.out_channels * taps);
    EXPECT_EQ(plan.direct_multiply_adds(), wanted) << name(shape);
    EXPECT_EQ(plan.executed_multiply_adds(), wanted) << name(shape);
  }
}

TEST(ConvolutionPlan, counts_three_products_per_stored_frequency_and_the_weight_transforms_once_per_chunk) {
  // One tile of 14 × 14 points for each of 6400 tasks: 14 · 7 + 2 = 100 frequencies.
  const ConvolutionShape shape = {6400, 10, 6, 10, 10, 9};
  constexpr int64_t pairs = 10 * 6, frequencies = 100;
  // Nine rows of taps to seven columns, then nine taps to each frequency, folded to four sines and four cosines, of
  // which each serves two frequencies.
  const int64_t of_weights = 9 * 4 * 7 + 4 * frequencies;
  // Sixteen channels to a tile and component, and a line of padding between components where that makes their number
  // odd.
  const auto bytes_of = [](int64_t tiles) { return 4 * 2 * frequencies * (tiles | 1) * 16; };
  for (int64_t chunks : {1, 2, 3}) {
    const int64_t chunk_tiles = (6400 + chunks - 1) / chunks;
    const ConvolutionPlan plan = plan_convolution(shape, options_for("avx2", kDndSpectral, 2 * bytes_of(chunk_tiles)));
    ASSERT_EQ(plan.spectral.halved.points, 14);
    ASSERT_EQ(plan.spectral.full.points, 14);
    ASSERT_EQ(plan.spectral.chunk_tiles, chunk_tiles);
    EXPECT_EQ(plan.executed_multiply_adds(),
              static_cast<double>(pairs * (6400 * 3 * frequencies + chunks * of_weights)));
  }
}

TEST(ConvolutionPlan, rejects_invalid_sizes_by_name) {
  const PlanOptions options = options_for("avx2");
  expect_refused({0, 1, 1, 1, 1, 1}, options, ErrorCode::kInvalidArgument, "the batch is 0");
  expect_refused({1, 0, 1, 1, 1, 1}, options, ErrorCode::kInvalidArgument, "the number of channels is 0");
  expect_refused({1, 1, -1, 1, 1, 1}, options, ErrorCode::kInvalidArgument, "the number of output channels is -1");
  expect_refused({1, 1, 1, 0, 1, 1}, options, ErrorCode::kInvalidArgument, "the first spatial axis is 0");
  expect_refused({1, 1, 1, 1, 0, 1}, options, ErrorCode::kInvalidArgument, "the second spatial axis is 0");
  for (int64_t kernel : {-1, 0, 2, 16}) {
    expect_refused({1, 1, 1, 1, 1, kernel}, options, ErrorCode::kInvalidArgument,
                   "the kernel size is " + std::to_string(kernel));
  }
}

TEST(ConvolutionPlan, rejects_an_instruction_set_without_committed_rates) {
  for (const char* unknown : {"", "avx", "AVX2", "avx1024"}) {
    expect_refused({1, 1, 1, 1, 1, 1}, options_for(unknown), ErrorCode::kInvalidArgument,
                   "no committed rates for the instruction set '" + std::string(unknown) + "'");
  }
}

TEST(Rates, are_committed_for_the_kernels_in_use_and_count_the_same_lanes_and_vectors) {
  const InstructionSetRates& rates = rates_of(cpu::kernels().name);
  EXPECT_STREQ(rates.name, cpu::kernels().name);
  EXPECT_EQ(rates.lanes, cpu::kernels().lanes);
  EXPECT_EQ(rates.panel_vectors, cpu::spectral_kernels(rates.name).panel_vectors);
}

TEST(DecoderPlan, has_the_five_convolutions_of_each_layer_with_the_axes_of_the_equations) {
  const Feature from = {2, 3, 5}, to = {7, 11, 13};  // tokens, height, width
  const DecoderPlan plan = plan_decoder({from, to, from}, 9, 4, options_for("avx512"));
  const struct {
    const char* name;
    ConvolutionShape shape;
  } wanted[] = {{"conv1w", {4, 5, 13, 3, 2, 9}},     // W → W', plane (H, N)
                {"conv1h", {4, 3, 11, 2, 13, 9}},    // H → H', plane (N, W')
                {"conv2h", {4, 3, 11, 2, 5, 9}},     // H → H', plane (N, W)
                {"conv2w", {4, 5, 13, 11, 2, 9}},    // W → W', plane (H', N)
                {"linear2", {4, 2, 7, 11, 13, 9}}};  // N → N', plane (H', W')
  ASSERT_EQ(plan.convolutions.size(), 10u);
  for (size_t i = 0; i < plan.convolutions.size(); ++i) {
    EXPECT_EQ(plan.convolutions[i].layer, static_cast<int64_t>(i / 5));
    EXPECT_STREQ(name_of(plan.convolutions[i].convolution), wanted[i % 5].name);
  }
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(name(plan.convolutions[i].plan.shape), name(wanted[i].shape));
}

TEST(DecoderPlan, is_the_sum_of_its_convolution_plans) {
  for (const char* instruction_set : kInstructionSets) {
    const PublishedDecoder& decoder = published_decoders().front();
    const PlanOptions options = options_for(instruction_set);
    const DecoderPlan plan = plan_decoder(decoder.features, decoder.kernel, 2, options);
    double seconds = 0, direct = 0, executed = 0;
    int64_t bytes = 0;
    for (const PlannedConvolution& planned : plan.convolutions) {
      EXPECT_EQ(fields_of(plan_convolution(planned.plan.shape, options)), fields_of(planned.plan));
      seconds += planned.plan.seconds();
      direct += planned.plan.direct_multiply_adds();
      executed += planned.plan.executed_multiply_adds();
      bytes = std::max(bytes, planned.plan.tile_spectra_bytes());
    }
    EXPECT_DOUBLE_EQ(plan.seconds(), seconds);
    EXPECT_DOUBLE_EQ(plan.direct_multiply_adds(), direct);
    EXPECT_DOUBLE_EQ(plan.executed_multiply_adds(), executed);
    EXPECT_EQ(plan.largest_tile_spectra_bytes(), bytes);
  }
}

TEST(DecoderPlan, of_the_published_decoders_is_spectral_for_nearly_all_of_the_work_and_a_tenth_of_the_multiply_adds) {
  for (const char* instruction_set : kInstructionSets) {
    for (const PublishedDecoder& decoder : published_decoders()) {
      SCOPED_TRACE(decoder.name + ", " + instruction_set);
      const DecoderPlan plan = plan_decoder(decoder.features, decoder.kernel, 1, options_for(instruction_set));
      double spectral = 0, thin_seconds = 0;
      for (const PlannedConvolution& planned : plan.convolutions) {
        if (planned.plan.algorithm == Algorithm::kSpectral) spectral += planned.plan.direct_multiply_adds();
        if (planned.plan.shape.channels <= 25) thin_seconds += planned.plan.seconds();
      }
      EXPECT_GE(spectral, 0.98 * plan.direct_multiply_adds());
      EXPECT_LE(thin_seconds, 0.05 * plan.seconds());
      EXPECT_LE(plan.executed_multiply_adds(), 0.1 * plan.direct_multiply_adds());
      EXPECT_LE(plan.largest_tile_spectra_bytes(), PlanOptions::kDefaultWorkspaceBytes / 2);
    }
  }
}

TEST(DecoderPlan, has_the_published_work) {
  // docs/mathematics.md: multiply-adds ×2 of one pass
  const double tera_flop[] = {7.3, 24.3, 34.7, 46.9, 24.8};
  for (size_t i = 0; i < published_decoders().size(); ++i) {
    const PublishedDecoder& decoder = published_decoders()[i];
    const DecoderPlan plan = plan_decoder(decoder.features, decoder.kernel, 1, options_for("avx2"));
    EXPECT_NEAR(2e-12 * plan.direct_multiply_adds(), tera_flop[i], 0.05) << decoder.name;
  }
}

TEST(DecoderPlan, rejects_fewer_than_two_features_and_invalid_convolutions) {
  const auto code_of = [](const std::vector<Feature>& features, int64_t kernel, const PlanOptions& options) {
    try {
      plan_decoder(features, kernel, 1, options);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(code_of({}, 9, options_for("avx2")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of({{1, 1, 1}}, 9, options_for("avx2")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of({{1, 1, 1}, {1, 0, 1}}, 9, options_for("avx2")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of({{1, 1, 1}, {1, 1, 1}}, 8, options_for("avx2")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of({{1, 1, 1}, {1, 1, 1}}, 9, options_for("sve")), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace dnd
