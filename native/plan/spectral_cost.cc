#include "plan/spectral_cost.h"

#include <algorithm>

#include "core/convolution_work.h"
#include "plan/tile_scratch.h"

namespace dnd {
namespace {

constexpr double kNanosecond = 1e-9;
constexpr int64_t kFloat = sizeof(float);
constexpr int64_t kLine = 16;  ///< floats of a cache line

/// Half-transformed weights beyond this size leave the second-level cache, and their writing slows down.
constexpr double kNearBytes = 2 << 20;
constexpr double kFarSlowdown = 0.3;

double count(int64_t value) { return static_cast<double>(value); }

double far_factor(const ConvolutionShape& shape, const SpectralPlan& plan) {
  const double bytes = count(plan.halved.points / 2) * count(2 * shape.kernel) *
                       count(std::min(plan.slab_channels, shape.channels)) *
                       count(std::min(plan.block_outs, shape.out_channels)) * sizeof(float);
  return 1 + kFarSlowdown * std::clamp(bytes / kNearBytes - 1, 0.0, 1.0);
}

/// Positions and taps that the direct algorithm multiplies in one channel: it skips padding taps along one axis and
/// multiplies them along the other.
double direct_positions(const ConvolutionShape& shape) {
  const double i_skipped = count(taps_inside(shape.size_i, shape.kernel, 0, shape.size_i)) * count(shape.size_j);
  const double j_skipped = count(taps_inside(shape.size_j, shape.kernel, 0, shape.size_j)) * count(shape.size_i);
  return count(shape.batch) * std::min(i_skipped, j_skipped) * count(shape.kernel);
}

}  // namespace

// By squaring: a plan depends on its bits, and std::log2 does not promise the same everywhere.
double binary_logarithm(double value) {
  double whole = 0, fraction = 0;
  for (; value >= 2; value /= 2) ++whole;
  for (double bit = 0.5; bit > 1e-9; bit /= 2) {
    value *= value;
    if (value < 2) continue;
    value /= 2;
    fraction += bit;
  }
  return whole + fraction;
}

SpectralCost spectral_cost(const ConvolutionShape& shape, const SpectralPlan& plan, const InstructionSetRates& rates) {
  const double tiles = count(shape.batch * plan.plane_tiles());
  const double chunks = count(divide_up(shape.batch * plan.plane_tiles(), plan.chunk_tiles));
  const double points = count(plan.halved.points * plan.full.points), levels = binary_logarithm(points);
  const double in_vectors = count(divide_up(shape.channels, rates.lanes));
  const double out_vectors = count(divide_up(shape.out_channels, rates.lanes));
  const double components = 3 * count(plan.frequencies());
  const double kernels = count(shape.channels) * out_vectors, half = count(shape.kernel / 2);

  SpectralCost cost;
  cost.forward = kNanosecond * tiles * in_vectors * points * rates.forward_level * levels;
  cost.inverse = kNanosecond * tiles * out_vectors * points * rates.inverse_level * levels;
  cost.weights = kNanosecond * chunks * kernels * far_factor(shape, plan) *
                 (rates.halve_tap * count(shape.kernel) * count(plan.halved.points / 2) +
                  components * (rates.weight_component + rates.weight_component_half_cubed * half * half * half));
  const double sums = rates.product_sum * count(divide_up(shape.channels, plan.slab_channels));
  cost.product = kNanosecond * components *
                 (kernels * (rates.product_row * tiles + rates.product_slab * chunks) + out_vectors * tiles * sums);
  return cost;
}

double direct_cost(const ConvolutionShape& shape, const InstructionSetRates& rates) {
  const int64_t columns = std::max(shape.size_i, shape.size_j);
  const double across_outs = count(divide_up(shape.out_channels, rates.lanes));
  const double across_columns = count(shape.out_channels) * count(divide_up(columns, rates.lanes)) / count(columns);
  return kNanosecond * rates.direct_step * direct_positions(shape) * count(shape.channels) *
         std::min(across_outs, across_columns);
}

double direct_gradient_cost(const ConvolutionShape& shape, const InstructionSetRates& rates) {
  const int64_t across_outs = shape.channels * divide_up(shape.out_channels, rates.lanes);
  const int64_t across_ins = shape.out_channels * divide_up(shape.channels, rates.lanes);
  return kNanosecond * rates.direct_gradient_step * direct_positions(shape) * count(std::min(across_outs, across_ins));
}

double direct_multiply_adds(const ConvolutionShape& shape) {
  return count(shape.batch) *
         convolution_multiply_adds(shape.channels, shape.out_channels, shape.size_i, shape.size_j, shape.kernel);
}

double product_multiply_adds(const ConvolutionShape& shape, const SpectralPlan& plan) {
  return count(shape.channels) * count(shape.out_channels) * 3 * count(plan.frequencies()) *
         count(shape.batch * plan.plane_tiles());
}

double spectral_multiply_adds(const ConvolutionShape& shape, const SpectralPlan& plan) {
  const double pairs = count(shape.channels) * count(shape.out_channels);
  const double half = count(shape.kernel / 2), columns = count(plan.halved.points / 2);
  const double chunks = count(divide_up(shape.batch * plan.plane_tiles(), plan.chunk_tiles));
  const double halves = count(shape.kernel) * half * columns, columns_of = count(plan.frequencies()) * half;
  return product_multiply_adds(shape, plan) + pairs * chunks * (halves + columns_of);
}

int64_t tile_spectra_bytes(const ConvolutionShape& shape, const SpectralPlan& plan) {
  return divide_up(shape.channels, plan.slab_channels) * plan.tile_components() * plan.frequencies() *
         spread_stride(plan.chunk_tiles * plan.tile_elements()) * kFloat;
}

int64_t least_thread_bytes(const ConvolutionShape& shape, const SpectralPlan& plan, int64_t lanes) {
  constexpr int64_t kPointsOfStep = 4;
  const int64_t outs = plan.block_outs;
  const int64_t product = 3 * plan.frequencies() * spread_stride(outs);
  const int64_t halves = plan.halved.points / 2 * spread_stride(2 * shape.kernel * plan.slab_channels * outs);
  const int64_t slab = round_up(3 * kPointsOfStep * plan.slab_steps * (plan.tile_elements() * outs + lanes), kLine);
  const int64_t scratch = round_up(TileScratch(lanes, plan.halved.points, plan.full.points).floats(), kLine);
  const int64_t sums = round_up(plan.between_floats(1, lanes), kLine);
  return (product + halves + slab + sums + scratch) * kFloat;
}

}  // namespace dnd
