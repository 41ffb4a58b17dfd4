#include "cpu/convolution/direct_gradient_plan.h"

#include <algorithm>

#include "core/integers.h"

namespace dnd::cpu {
namespace {

constexpr int64_t kLine = 16;                         ///< floats of a cache line
constexpr int64_t kLongestStrip = 256;                ///< columns of both sides then stay in a core's cache for a row
constexpr int64_t kShortDepth = 32;                   ///< columns below which storing sums costs more than strides do
constexpr int64_t kPlanesAtOnce = int64_t{64} << 20;  ///< floats: 256 MB

/// Share of a tile's arithmetic that is not wasted on empty lanes or on too few sums to hide the latency of one.
double efficiency(int64_t across_lanes, int64_t rows, int64_t lanes) {
  constexpr int64_t kRowsToHideLatency = 4;
  return static_cast<double>(across_lanes) / static_cast<double>(round_up(across_lanes, lanes)) *
         std::min(1.0, static_cast<double>(rows) / kRowsToHideLatency);
}

/// Sums stay in registers along the columns: the longer axis, unless its memory is far apart.
Geometry longer_columns(const Geometry& given) {
  const bool strided_after = given.x.row != 1 && given.x.channel != 1;
  const bool exchange = given.rows > given.columns && (!strided_after || given.columns < kShortDepth);
  return exchange ? exchanged(given) : given;
}

GradientSide side_of_rows(int64_t channels, const Kernels& kernels) {
  const int64_t panels = divide_up(channels, kernels.tile_rows), panel_channels = divide_up(channels, panels);
  return {channels, divide_up(channels, panel_channels), panel_channels, round_up(panel_channels, kernels.lanes)};
}

GradientSide side_of_lanes(int64_t channels, const Kernels& kernels) {
  const int64_t width = std::min(kernels.lanes * kMaxTileVectors, round_up(channels, kernels.lanes));
  return {channels, divide_up(channels, width), std::min(channels, width), width};
}

}  // namespace

int64_t DirectGradientPlan::normalised_floats() const { return normalised ? round_up(geometry.x.batch, kLine) : 0; }

DirectGradientPlan plan_direct_gradient(const Geometry& geometry, bool normalised, const Kernels& kernels, int threads,
                                        int64_t limit) {
  DirectGradientPlan plan{};
  plan.geometry = longer_columns(geometry);
  plan.normalised = normalised;
  plan.outs_across = efficiency(geometry.out_channels, geometry.channels, kernels.lanes) >=
                     efficiency(geometry.channels, geometry.out_channels, kernels.lanes);
  plan.rows = side_of_rows(plan.outs_across ? geometry.channels : geometry.out_channels, kernels);
  plan.lanes = side_of_lanes(plan.outs_across ? geometry.out_channels : geometry.channels, kernels);
  plan.strip_columns = divide_up(plan.geometry.columns, divide_up(plan.geometry.columns, kLongestStrip));
  const int64_t most = std::min(kPlanesAtOnce, limit - threads * plan.thread_floats());
  plan.planes_at_once = std::clamp<int64_t>(most / plan.plane_floats(), 1, geometry.batch);
  return plan;
}

}  // namespace dnd::cpu
