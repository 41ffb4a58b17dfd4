#include "cpu/spectral/spectral_convolution.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/memory.h"
#include "counted_control.h"
#include "cpu/isa/kernels.h"
#include "naive_convolution.h"
#include "random_values.h"

namespace dnd::cpu {
namespace {

using test::convolution_of;
using test::ConvolutionCase;
using test::CountedControl;
using test::naive_convolution;
using test::odd_convolutions;
using test::random_values;
using test::relative_error;

Geometry geometry_of(const ConvolutionCase& c) {
  return convolution_geometry(convolution_of(c));
}

/// Any plan will do for a right result: tiles and blocks of random sizes.
SpectralPlan random_plan(const Geometry& geometry, std::mt19937& random) {
  const auto below = [&random](uint32_t limit) { return static_cast<int64_t>(random() % limit); };
  const auto axis = [&](int64_t size) {
    for (;;) {
      const TileAxis tiles = {size, geometry.kernel, kTransformSizes[below(std::size(kTransformSizes))]};
      if (tiles.valid() > 0 && tiles.points >= geometry.kernel) return tiles;
    }
  };
  SpectralPlan plan{};
  plan.halved_is_i = below(2) == 0;
  plan.halved = axis(plan.halved_is_i ? geometry.rows : geometry.columns);
  plan.full = axis(plan.halved_is_i ? geometry.columns : geometry.rows);
  const int64_t lanes = kernels().lanes;
  plan.slab_channels = lanes * (1 + below(3));
  plan.slab_steps = std::min(plan.steps(), 1 + below(8));
  plan.block_outs = lanes * (1 + below(4));
  plan.chunk_tiles = 1 + below(40);
  return plan;
}

std::vector<float> run(const ConvolutionCase& c, const SpectralPlan& plan, int threads,
                       const DndControl* control = nullptr) {
  const Geometry geometry = geometry_of(c);
  const SpectralKernels& isa = spectral_kernels(kernels().name);
  const std::vector<float> x = random_values(c.inputs(), 1), weight = random_values(c.weights(), 2);
  const SpectralLayout layout = spectral_layout(plan, shape_of(geometry), isa, threads);
  ThreadPool pool(threads);
  const Memory workspace(layout.workspace_floats(threads) * sizeof(float));
  std::memset(workspace.data(), 0xff, workspace.bytes());  // NaN everywhere: nothing may be taken as given
  std::vector<float> y(c.outputs(), 1e30f);
  const DndConvolutionOperands operands = {
      .x = x.data(), .weight = weight.data(), .y = y.data(), .workspace = workspace.data()};
  convolve_spectral(pool, Control(control), isa, geometry, kDndStore, plan, layout, operands);
  return y;
}

TEST(SpectralConvolution, agrees_with_the_definition_in_double_however_it_is_cut) {
  std::mt19937 random(21);
  for (const ConvolutionCase& c : odd_convolutions()) {
    const std::vector<double> wanted =
        naive_convolution(c, random_values(c.inputs(), 1), random_values(c.weights(), 2));
    for (int i = 0; i < 3; ++i) {
      const SpectralPlan plan = random_plan(geometry_of(c), random);
      EXPECT_LE(relative_error(run(c, plan, 2), wanted), 3e-6)
          << c << ", tiles " << plan.halved.points << "×" << plan.full.points;
    }
  }
}

TEST(SpectralConvolution, gives_the_same_bytes_for_any_number_of_threads) {
  std::mt19937 random(22);
  for (const ConvolutionCase& c : odd_convolutions()) {
    const SpectralPlan plan = random_plan(geometry_of(c), random);
    const std::vector<float> alone = run(c, plan, 1);
    for (int threads : {2, 3}) {
      const std::vector<float> shared = run(c, plan, threads);
      EXPECT_EQ(std::memcmp(alone.data(), shared.data(), alone.size() * sizeof(float)), 0)
          << c << ", " << threads << " threads";
    }
  }
}

TEST(SpectralConvolution, stops_soon_after_it_is_cancelled) {
  const ConvolutionCase c = {kDndToken, 1, 64, 20, 40, 64, 5};
  std::mt19937 random(23);
  const SpectralPlan plan = random_plan(geometry_of(c), random);
  CountedControl counted;
  run(c, plan, 1, &counted.control);
  const int64_t asked = counted.asked;
  for (int64_t after : {int64_t{0}, asked / 2}) {
    counted.asked = 0;
    counted.cancel_after = after;
    try {
      run(c, plan, 1, &counted.control);
      ADD_FAILURE() << "went on after being cancelled";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kAborted);
    }
    EXPECT_EQ(counted.asked, after + 1);
  }
}

}  // namespace
}  // namespace dnd::cpu
