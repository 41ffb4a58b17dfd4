#include "cpu/convolution/direct_plan.h"

#include <algorithm>

#include "core/convolution_work.h"
#include "core/integers.h"

namespace dnd::cpu {
namespace {

constexpr int64_t kLongestStrip = 160;                ///< a block of channels of a strip then stays in a core's cache
constexpr int64_t kPlanesAtOnce = int64_t{64} << 20;  ///< floats: 256 MB
constexpr int64_t kFewestPositions = 1024;            ///< of a group: packing its weights costs about 3 % then
constexpr int64_t kMostPositions = 8192;              ///< of a group: its sums take a megabyte
constexpr int64_t kTasksPerThread = 8;
constexpr int64_t kLine = 16;  ///< floats of a cache line

/// Share of a tile's arithmetic that is not wasted on empty lanes or on too few sums to hide the latency of one.
double efficiency(int64_t across_lanes, int64_t rows, int64_t lanes) {
  constexpr int64_t kRowsToHideLatency = 4;
  return static_cast<double>(across_lanes) / static_cast<double>(round_up(across_lanes, lanes)) *
         std::min(1.0, static_cast<double>(rows) / kRowsToHideLatency);
}

/// Work with padding taps skipped along rows only, in arbitrary units; a little more where only the other order keeps
/// columns together in memory.
double cost(const Geometry& geometry) {
  const double strided = geometry.x.column != 1 && geometry.x.channel != 1 ? 1.05 : 1.0;
  return strided * static_cast<double>(taps_inside(geometry.rows, geometry.kernel, 0, geometry.rows)) *
         static_cast<double>(geometry.columns * geometry.kernel);
}

/// Fewer planes at a time, then smaller groups, which pack the weights more often.
void fit(DirectPlan& plan, int threads, int64_t limit) {
  const int64_t planes = (limit - threads * plan.thread_floats()) / plan.plane_floats();
  plan.batch_at_once = std::clamp<int64_t>(planes, 1, plan.batch_at_once);
  const int64_t units = plan.units(plan.batch_at_once);
  const int64_t sums = (limit - plan.batch_at_once * plan.plane_floats()) / threads - plan.weight_floats();
  plan.group_units = std::clamp<int64_t>(sums / plan.unit_floats, 1, divide_up(units, std::min(plan.groups, units)));
  plan.groups = divide_up(units, plan.group_units);
}

Geometry cheaper_order(const Geometry& geometry) {
  const Geometry other = exchanged(geometry);
  return cost(other) < cost(geometry) ? other : geometry;
}

}  // namespace

DirectPlan plan_direct(const Geometry& given, const Kernels& kernels, int threads, int64_t limit) {
  DirectPlan plan{};
  plan.geometry = cheaper_order(given);
  const Geometry& geometry = plan.geometry;
  plan.strip_columns = divide_up(geometry.columns, divide_up(geometry.columns, kLongestStrip));
  if (plan.strip_columns < geometry.columns) plan.strip_columns = round_up(plan.strip_columns, kernels.lanes);
  plan.strips = divide_up(geometry.columns, plan.strip_columns);
  plan.across = efficiency(geometry.out_channels, plan.strip_columns, kernels.lanes) >=
                        efficiency(geometry.columns, geometry.out_channels, kernels.lanes)
                    ? AcrossLanes::kOutChannels
                    : AcrossLanes::kColumns;
  // An odd number of cache lines: rows one below the other then fall into different sets of the cache.
  plan.pitch = round_up(round_up(plan.strip_columns, kernels.lanes) + geometry.kernel - 1, kLine);
  if (plan.pitch / kLine % 2 == 0) plan.pitch += kLine;

  plan.channel_blocks = divide_up(geometry.channels, std::max<int64_t>(1, DirectPlan::kChain / geometry.kernel));
  plan.block_channels = divide_up(geometry.channels, plan.channel_blocks);
  if (plan.across == AcrossLanes::kOutChannels) {
    plan.out_width = std::min(kernels.lanes * kMaxTileVectors, round_up(geometry.out_channels, kernels.lanes));
    plan.block_outs = plan.out_width;
    plan.unit_floats = plan.strip_columns * plan.out_width;
  } else {
    plan.out_width = round_up(kernels.tile_rows, kernels.lanes);
    plan.block_outs = divide_up(geometry.out_channels, divide_up(geometry.out_channels, kernels.tile_rows));
    plan.unit_floats = kernels.tile_rows * round_up(plan.strip_columns, kernels.lanes);
  }
  plan.out_blocks = divide_up(geometry.out_channels, plan.block_outs);

  plan.batch_at_once = std::clamp<int64_t>(kPlanesAtOnce / plan.plane_floats(), 1, geometry.batch);
  const int64_t units = plan.units(plan.batch_at_once);
  const int64_t most = std::max<int64_t>(1, units / divide_up(kFewestPositions, plan.strip_columns));
  const int64_t fewest = divide_up(units, std::max<int64_t>(1, kMostPositions / plan.strip_columns));
  plan.groups = std::max(fewest, std::min(most, divide_up(kTasksPerThread * threads, plan.out_blocks)));
  plan.group_units = divide_up(units, plan.groups);
  if (plan.workspace_floats(threads) > limit) fit(plan, threads, limit);
  return plan;
}

}  // namespace dnd::cpu
