#include "cpu/spectral/spectral_gradient.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/memory.h"
#include "counted_control.h"
#include "cpu/isa/kernels.h"
#include "naive_convolution.h"
#include "naive_gradients.h"
#include "random_values.h"

namespace dnd::cpu {
namespace {

using test::convolution_of;
using test::ConvolutionCase;
using test::CountedControl;
using test::naive_weight_gradient;
using test::odd_convolutions;
using test::random_values;
using test::relative_error;

Geometry geometry_of(const ConvolutionCase& c) { return convolution_geometry(convolution_of(c)); }

/// Any valid plan must give the right result: tiles, slabs, groups and chunks of random sizes.
SpectralGradientPlan random_plan(const ConvolutionCase& c, std::mt19937& random) {
  const Geometry geometry = geometry_of(c);
  const auto below = [&random](uint32_t limit) { return static_cast<int64_t>(random() % limit); };
  const auto axis = [&](int64_t size) {
    for (;;) {
      const TileAxis tiles = {size, geometry.kernel, kTransformSizes[below(std::size(kTransformSizes))]};
      if (tiles.valid() > 0 && (tiles.whole() || tiles.points >= geometry.kernel)) return tiles;
    }
  };
  SpectralGradientPlan plan{};
  plan.halved_is_i = below(2) == 0;
  plan.halved = axis(plan.halved_is_i ? geometry.rows : geometry.columns);
  plan.full = axis(plan.halved_is_i ? geometry.columns : geometry.rows);
  plan.outs_are_lanes = below(2) == 0;
  plan.slab_rows = 16 * (1 + below(2));
  plan.group_lanes = kernels().lanes * (1 + below(6));
  plan.chunk_tiles = 1 + below(40);
  return plan;
}

struct Operands {
  std::vector<float> x, dy, before;

  explicit Operands(const ConvolutionCase& c)
      : x(random_values(c.inputs(), 1)), dy(random_values(c.outputs(), 2)), before(random_values(c.weights(), 3)) {}
};

std::vector<float> run(const ConvolutionCase& c, const Operands& values, const SpectralGradientPlan& plan, int threads,
                       bool accumulate = false, const DndControl* control = nullptr) {
  const Geometry geometry = geometry_of(c);
  const SpectralKernels& isa = spectral_kernels(kernels().name);
  const GradientLayout layout = gradient_layout(plan, shape_of(geometry), isa, threads);
  ThreadPool pool(threads);
  const Memory workspace(layout.workspace_floats(threads) * sizeof(float));
  std::memset(workspace.data(), 0xff, workspace.bytes());  // all NaN: workspace must not be read before it is written
  std::vector<float> gradient = accumulate ? values.before : std::vector<float>(c.weights(), 1e30f);
  const DndWeightGradientOperands operands = {.x = values.x.data(),
                                              .dy = values.dy.data(),
                                              .gradient = gradient.data(),
                                              .accumulate = accumulate,
                                              .workspace = workspace.data()};
  spectral_weight_gradient(pool, Control(control), isa, geometry, plan, layout, operands);
  return gradient;
}

TEST(SpectralGradient, agrees_with_the_definition_in_double_for_any_tiling) {
  std::mt19937 random(61);
  for (const ConvolutionCase& c : odd_convolutions()) {
    const Operands values(c);
    const std::vector<double> wanted = naive_weight_gradient(c, values.x, values.dy);
    for (int i = 0; i < 3; ++i) {
      const SpectralGradientPlan plan = random_plan(c, random);
      ASSERT_LE(relative_error(run(c, values, plan, 2), wanted), 2e-6)
          << c << ", tiles " << plan.halved.points << "×" << plan.full.points << ", "
          << (plan.outs_are_lanes ? "outputs" : "inputs") << " are lanes";
    }
  }
}

TEST(SpectralGradient, accumulates_on_request) {
  std::mt19937 random(62);
  for (const ConvolutionCase& c : odd_convolutions()) {
    const Operands values(c);
    SpectralGradientPlan plan = random_plan(c, random);
    plan.chunk_tiles = 1000;
    std::vector<float> wanted = run(c, values, plan, 2);
    for (size_t i = 0; i < wanted.size(); ++i) wanted[i] += values.before[i];
    EXPECT_EQ(run(c, values, plan, 2, true), wanted) << c;
  }
}

TEST(SpectralGradient, is_exactly_zero_for_taps_that_are_never_over_the_plane) {
  std::mt19937 random(66);
  int64_t idle = 0;
  for (const ConvolutionCase& c : odd_convolutions()) {
    const Operands values(c);
    SpectralGradientPlan plan = random_plan(c, random);
    plan.chunk_tiles = 1;
    const std::vector<double> wanted = naive_weight_gradient(c, values.x, values.dy);
    const std::vector<float> gradient = run(c, values, plan, 2), sum = run(c, values, plan, 2, true);
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i] != 0) continue;
      ++idle;
      ASSERT_EQ(gradient[i], 0) << c << ", tap " << i;
      ASSERT_EQ(sum[i], values.before[i]) << c << ", tap " << i;
    }
  }
  EXPECT_GT(idle, 100);
}

TEST(SpectralGradient, gives_the_same_bytes_for_any_number_of_threads) {
  std::mt19937 random(63);
  for (const ConvolutionCase& c : odd_convolutions()) {
    const Operands values(c);
    const SpectralGradientPlan plan = random_plan(c, random);
    const std::vector<float> alone = run(c, values, plan, 1);
    for (int threads : {2, 3}) EXPECT_EQ(run(c, values, plan, threads), alone) << c << ", " << threads << " threads";
  }
}

TEST(SpectralGradient, reports_the_direct_multiply_adds) {
  std::mt19937 random(64);
  for (const ConvolutionCase& c : odd_convolutions()) {
    CountedControl counted;
    const double wanted = direct_multiply_adds(shape_of(geometry_of(c)));
    run(c, Operands(c), random_plan(c, random), 2, false, &counted.control);
    EXPECT_NEAR(counted.done, wanted, 1e-9 * wanted) << c;
  }
}

TEST(SpectralGradient, stops_soon_after_it_is_cancelled) {
  const ConvolutionCase c = {kDndToken, 1, 64, 20, 40, 64, 5};
  const Operands values(c);
  std::mt19937 random(65);
  const SpectralGradientPlan plan = random_plan(c, random);
  CountedControl counted;
  run(c, values, plan, 1, false, &counted.control);
  const int64_t asked = counted.asked;
  for (int64_t after : {int64_t{0}, asked / 2}) {
    counted.asked = 0;
    counted.cancel_after = after;
    try {
      run(c, values, plan, 1, false, &counted.control);
      ADD_FAILURE() << "went on after being cancelled";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kAborted);
    }
    EXPECT_EQ(counted.asked, after + 1);
  }
}

}  // namespace
}  // namespace dnd::cpu
