#include "plan/gradient_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <string>

#include "core/status.h"
#include "cpu/isa/kernels.h"
#include "cpu/isa/spectral_kernels.h"
#include "cpu/spectral/gradient_layout.h"
#include "plan/transform_sizes.h"
#include "published_decoders.h"

namespace dnd {
namespace {

constexpr int64_t kMebibyte = int64_t{1} << 20;
constexpr int64_t kBudgets[] = {1000, 100 * 1000, 4 * kMebibyte, 64 * kMebibyte, 1024 * kMebibyte};
const char* const kInstructionSets[] = {"baseline", "avx2", "avx512", "neon"};

std::string name(const ConvolutionShape& s) {
  return std::to_string(s.batch) + " × " + std::to_string(s.channels) + " → " + std::to_string(s.out_channels) + ", " +
         std::to_string(s.size_i) + " × " + std::to_string(s.size_j) + ", kernel " + std::to_string(s.kernel);
}

std::vector<ConvolutionShape> random_shapes(int count) {
  std::mt19937 random(81);
  const auto up_to = [&random](double most) {
    return static_cast<int64_t>(std::pow(most + 1, static_cast<double>(random()) / 4294967296.0));
  };
  std::vector<ConvolutionShape> shapes = {{1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 15}, {1, 1, 1, 1, 1, 17}};
  while (shapes.size() < static_cast<size_t>(count)) {
    shapes.push_back(
        {up_to(16), up_to(4000), up_to(4000), up_to(1000), up_to(1000), 1 + 2 * static_cast<int64_t>(random() % 9)});
  }
  return shapes;
}

void for_each_plan(DndAlgorithm algorithm,
                   const std::function<void(const WeightGradientPlan&, const PlanOptions&)>& check) {
  for (const char* instruction_set : kInstructionSets) {
    for (int64_t budget : kBudgets) {
      const PlanOptions options = {instruction_set, algorithm, budget};
      for (const ConvolutionShape& shape : random_shapes(50)) {
        SCOPED_TRACE(name(shape) + ", " + instruction_set + ", " + std::to_string(budget) + " bytes");
        check(plan_weight_gradient(shape, options), options);
      }
    }
  }
}

ErrorCode code_of(const ConvolutionShape& shape, const PlanOptions& options) {
  try {
    plan_weight_gradient(shape, options);
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::kInternal;
}

TEST(WeightGradientPlan, has_tiles_that_cover_both_axes_and_spectra_that_fit_the_budget) {
  int64_t plans = 0;
  for_each_plan(kDndAuto, [&plans](const WeightGradientPlan& plan, const PlanOptions& options) {
    if (!plan.has_spectral()) return;
    ++plans;
    const SpectralGradientPlan& s = plan.spectral;
    const ConvolutionShape& shape = plan.shape;
    EXPECT_EQ(s.halved.size, s.halved_is_i ? shape.size_i : shape.size_j);
    EXPECT_EQ(s.full.size, s.halved_is_i ? shape.size_j : shape.size_i);
    for (const TileAxis& axis : {s.halved, s.full}) {
      EXPECT_EQ(std::count(std::begin(kTransformSizes), std::end(kTransformSizes), axis.points), 1);
      EXPECT_TRUE(axis.whole() || axis.points >= shape.kernel);
    }
    const InstructionSetRates& rates = rates_of(options.instruction_set);
    const int64_t lanes = s.outs_are_lanes ? shape.out_channels : shape.channels;
    EXPECT_GE(s.group_lanes, std::min<int64_t>(lanes, rates.lanes));
    EXPECT_LT(s.group_lanes, lanes + rates.lanes);
    EXPECT_GE(s.chunk_tiles, 1);
    EXPECT_LE(s.chunk_tiles, shape.batch * s.plane_tiles());
    EXPECT_LE(gradient_spectra_bytes(shape, s, rates.panel_vectors * rates.lanes), options.workspace_bytes / 2);
  });
  EXPECT_GT(plans, 300);  // of 750
}

TEST(WeightGradientPlan, uses_the_faster_algorithm_unless_one_is_requested) {
  for_each_plan(kDndAuto, [](const WeightGradientPlan& plan, const PlanOptions&) {
    EXPECT_GT(plan.direct_seconds, 0);
    const bool spectral = plan.has_spectral() && plan.spectral_cost.total() < plan.direct_seconds;
    EXPECT_EQ(plan.algorithm == Algorithm::kSpectral, spectral);
    EXPECT_EQ(plan.seconds(), spectral ? plan.spectral_cost.total() : plan.direct_seconds);
  });
  for_each_plan(kDndDirect, [](const WeightGradientPlan& plan, const PlanOptions&) {
    EXPECT_EQ(plan.algorithm, Algorithm::kDirect);
  });
  for (const ConvolutionShape& shape : random_shapes(50)) {
    if (shape.kernel > kLargestSpectralKernel) continue;
    EXPECT_EQ(plan_weight_gradient(shape, {"avx2", kDndSpectral}).algorithm, Algorithm::kSpectral) << name(shape);
  }
}

TEST(WeightGradientPlan, rejects_convolutions_without_a_spectral_gradient) {
  EXPECT_EQ(code_of({1, 20, 20, 50, 50, 17}, {"avx2", kDndSpectral}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of({1, 20, 20, 50, 50, 9}, {"avx2", kDndSpectral, 1000}), ErrorCode::kOutOfMemory);
  EXPECT_EQ(code_of({1, 20, 20, 50, 50, 8}, {"avx2"}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of({1, 0, 20, 50, 50, 9}, {"avx2"}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of({1, 20, 20, 50, 50, 9}, {"sve"}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(plan_weight_gradient({1, 20, 20, 50, 50, 17}, {"avx2"}).algorithm, Algorithm::kDirect);
}

TEST(WeightGradientPlan, counts_executed_multiply_adds_once_per_chunk_for_the_taps) {
  // One tile of 14 × 14 points for each of 6400 tasks: 14 · 7 + 2 = 100 frequencies; as of a convolution.
  const ConvolutionShape shape = {6400, 10, 6, 10, 10, 9};
  WeightGradientPlan plan = plan_weight_gradient(shape, {"avx2", kDndSpectral});
  ASSERT_EQ(plan.spectral.halved.points, 14);
  ASSERT_EQ(plan.spectral.full.points, 14);
  for (int64_t chunks : {1, 2, 3}) {
    plan.spectral.chunk_tiles = (6400 + chunks - 1) / chunks;
    EXPECT_EQ(plan.executed_multiply_adds(), 60.0 * (3 * 100 * 6400 + static_cast<double>(chunks) * (400 + 9 * 4 * 7)));
  }
  EXPECT_EQ(plan.direct_multiply_adds(), direct_multiply_adds(shape));
}

TEST(GradientLayout, assigns_every_row_and_vector_to_one_task_within_its_half_of_the_budget) {
  const cpu::SpectralKernels& isa = cpu::spectral_kernels(cpu::kernels().name);
  for (int64_t budget : {16 * kMebibyte, 1024 * kMebibyte}) {
    for (const ConvolutionShape& shape : random_shapes(80)) {
      if (shape.kernel > kLargestSpectralKernel) continue;
      const WeightGradientPlan plan = plan_weight_gradient(shape, {isa.name, kDndAuto, budget});
      if (!plan.has_spectral()) continue;
      for (int threads : {1, 2, 3, 16}) {
        SCOPED_TRACE(name(shape) + ", " + std::to_string(threads) + " threads");
        const cpu::GradientLayout layout = gradient_layout(plan.spectral, shape, isa, threads);
        int64_t rows = 0, vectors = 0;
        for (int64_t slab = 0; slab < layout.slabs; ++slab) {
          for (int64_t part = 0; part < layout.slab_parts; ++part) rows += layout.block(slab, part).size();
        }
        for (int64_t panel = 0; panel < layout.panels; ++panel) {
          vectors += layout.panel(panel).size();
          EXPECT_GE(layout.panel(panel).size(), 1);
          EXPECT_LE(layout.panel(panel).size(), isa.panel_vectors);
        }
        EXPECT_EQ(rows, layout.rows);
        EXPECT_EQ(vectors, layout.vectors);
        EXPECT_LE(layout.spectra_floats() * 4, budget / 2);
        if (threads <= 3) {
          EXPECT_LE(threads * layout.thread_floats() * 4, budget / 2);
        }
      }
    }
  }
}

TEST(TrainingPlan, has_three_passes_of_every_convolution_and_both_gradients_in_reverse) {
  const Feature from = {2, 3, 5}, to = {7, 11, 13};  // tokens, height, width
  const PlanOptions options = {"avx512"};
  const auto planned = plan_training({from, to}, 9, 4, options);
  ASSERT_EQ(planned.size(), 15u);
  for (size_t i = 0; i < 5; ++i) {
    const LayerStep step = steps_of({from, to}, 9, 4)[i];
    ConvolutionShape back = step.shape;
    std::swap(back.channels, back.out_channels);
    const PlannedTrainingConvolution &forward = planned[i], &input = planned[5 + 2 * (4 - i)],
                                     &weight = planned[6 + 2 * (4 - i)];
    EXPECT_EQ(forward.pass, TrainingPassKind::kForward);
    EXPECT_EQ(input.pass, TrainingPassKind::kInputGradient);
    EXPECT_EQ(weight.pass, TrainingPassKind::kWeightGradient);
    for (const auto* of : {&forward, &input, &weight}) EXPECT_EQ(of->convolution, step.convolution);
    EXPECT_EQ(forward.seconds, plan_convolution(step.shape, options).seconds());
    EXPECT_EQ(input.seconds, plan_convolution(back, options).seconds());
    EXPECT_EQ(weight.seconds, plan_weight_gradient(step.shape, options).seconds());
    EXPECT_EQ(input.direct_multiply_adds, forward.direct_multiply_adds);
    EXPECT_EQ(weight.direct_multiply_adds, forward.direct_multiply_adds);
  }
}

TEST(TrainingPlan, of_the_published_decoders_is_spectral_for_nearly_all_of_the_work) {
  for (const char* instruction_set : kInstructionSets) {
    const PublishedDecoder& decoder = published_decoders().front();
    double spectral = 0, all = 0, executed = 0;
    for (const auto& planned : plan_training(decoder.features, decoder.kernel, 1, {instruction_set})) {
      all += planned.direct_multiply_adds;
      executed += planned.executed_multiply_adds;
      if (planned.algorithm == Algorithm::kSpectral) spectral += planned.direct_multiply_adds;
    }
    EXPECT_GE(spectral, 0.98 * all);
    EXPECT_LE(executed, 0.1 * all);
  }
}

}  // namespace
}  // namespace dnd
