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

Geometry geometry_of(const ConvolutionCase& c) { return convolution_geometry(convolution_of(c)); }

/// Any valid plan must give the right result: tiles and blocks of random sizes.
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

/// Options of a convolution beside its plan.
struct Variant {
  WeightOrder weight_order = WeightOrder::kPlain;
  const float* weight = nullptr;  ///< null: random
  const float* addend = nullptr;  ///< to which the result is added
  bool in_place = false;          ///< the addend is the previous content of y
};

std::vector<float> run(const ConvolutionCase& c, const SpectralPlan& plan, int threads,
                       const DndControl* control = nullptr, const Variant& variant = {}) {
  const Geometry geometry = geometry_of(c);
  const SpectralKernels& isa = spectral_kernels(kernels().name);
  const std::vector<float> x = random_values(c.inputs(), 1), weight = random_values(c.weights(), 2);
  const SpectralLayout layout = spectral_layout(plan, shape_of(geometry), rates_of(isa.name), threads);
  ThreadPool pool(threads);
  const Memory workspace(layout.workspace_floats(threads) * sizeof(float));
  std::memset(workspace.data(), 0xff, workspace.bytes());  // all NaN: workspace must not be read before it is written
  std::vector<float> y(c.outputs(), 1e30f);
  DndConvolutionOperands operands = {
      .x = x.data(), .weight = weight.data(), .y = y.data(), .workspace = workspace.data()};
  if (variant.weight != nullptr) operands.weight = variant.weight;
  operands.addend = variant.addend;
  if (variant.in_place) {
    std::copy_n(variant.addend, y.size(), y.begin());
    operands.addend = y.data();
  }
  convolve_spectral(pool, Control(control), isa, geometry, variant.weight_order,
                    variant.addend == nullptr ? kDndStore : kDndAdd, plan, layout, operands);
  return y;
}

/// The weight [channels, outs, k, k] whose transposed and reversed taps are those of `weight` [outs, channels, k, k].
std::vector<float> transposed(const ConvolutionCase& c, const std::vector<float>& weight) {
  const int64_t taps = int64_t{c.kernel} * c.kernel;
  std::vector<float> exchanged(weight.size());
  for (int64_t out = 0; out < c.outs; ++out) {
    for (int64_t channel = 0; channel < c.channels(); ++channel) {
      for (int64_t tap = 0; tap < taps; ++tap) {
        exchanged[(channel * c.outs + out) * taps + taps - 1 - tap] =
            weight[(out * c.channels() + channel) * taps + tap];
      }
    }
  }
  return exchanged;
}

TEST(SpectralConvolution, agrees_with_the_definition_in_double_for_any_tiling) {
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

TEST(SpectralConvolution, with_a_transposed_weight_gives_the_bytes_of_the_weight_in_plain_order) {
  std::mt19937 random(24);
  for (const ConvolutionCase& c : odd_convolutions()) {
    const SpectralPlan plan = random_plan(geometry_of(c), random);
    const std::vector<float> weight = transposed(c, random_values(c.weights(), 2));
    EXPECT_EQ(run(c, plan, 2, nullptr, {.weight_order = WeightOrder::kTransposed, .weight = weight.data()}),
              run(c, plan, 2))
        << c;
  }
}

TEST(SpectralConvolution, adds_its_result_to_another_tensor_or_to_y) {
  std::mt19937 random(25);
  for (const ConvolutionCase& c : odd_convolutions()) {
    const SpectralPlan plan = random_plan(geometry_of(c), random);
    const std::vector<float> addend = random_values(c.outputs(), 3);
    std::vector<float> wanted = run(c, plan, 2);
    for (int64_t i = 0; i < c.outputs(); ++i) wanted[i] += addend[i];
    EXPECT_EQ(run(c, plan, 2, nullptr, {.addend = addend.data()}), wanted) << c;
    EXPECT_EQ(run(c, plan, 2, nullptr, {.addend = addend.data(), .in_place = true}), wanted) << c;
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
