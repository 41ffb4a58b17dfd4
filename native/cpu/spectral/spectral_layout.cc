#include "cpu/spectral/spectral_layout.h"

#include <algorithm>

#include "cpu/spectral/frequency_order.h"
#include "cpu/spectral/task_cut.h"
#include "plan/tile_scratch.h"

namespace dnd::cpu {
namespace {

/// Points of the largest slab.
int64_t slab_points(const SpectralPlan& plan) {
  int64_t most = 0;
  for (int64_t step = 0; step < plan.steps(); step += plan.slab_steps) {
    for (bool symmetric : {false, true}) {
      most = std::max(
          most, points_of_steps(plan.full.points, symmetric, step, std::min(plan.steps(), step + plan.slab_steps)));
    }
  }
  return most;
}

void set_thread_parts(SpectralLayout& layout, const SpectralPlan& plan, const ConvolutionShape& shape,
                      const SpectralKernels& kernels) {
  const int64_t vectors = divide_up(shape.out_channels, kernels.lanes);
  const int64_t block_floats = divide_up(vectors, layout.out_blocks) * kernels.lanes;
  const int64_t part_tiles = divide_up(layout.chunk_tiles, layout.tile_parts);
  layout.product_floats = plan.frequencies() * 3 * spread_stride(part_tiles * block_floats);
  layout.column_floats = spread_stride(plan.slab_channels * block_floats * 2 * shape.kernel);
  layout.rows_floats = plan.halved.points / 2 * layout.column_floats;
  layout.slab_floats = slab_points(plan) * 3 * (plan.slab_channels * block_floats + kernels.lanes);
  layout.slab_floats = round_up(layout.slab_floats, 16);
  layout.sums_floats = round_up(part_tiles * plan.slab_channels, 16);
  layout.scratch_floats = round_up(TileScratch(kernels.lanes, plan.halved.points, plan.full.points).floats(), 16);
}

}  // namespace

SpectralLayout spectral_layout(const SpectralPlan& plan, const ConvolutionShape& shape, const SpectralKernels& kernels,
                               int threads) {
  SpectralLayout layout{};
  layout.chunk_tiles = std::min(plan.chunk_tiles, shape.batch * plan.plane_tiles());
  layout.slabs = divide_up(shape.channels, plan.slab_channels);
  layout.tile_component_stride = spread_stride(layout.chunk_tiles * plan.slab_channels);
  layout.slab_stride = plan.frequencies() * 2 * layout.tile_component_stride;

  const TaskCut cut = cut_tasks(shape, plan, rates_of(kernels.name), layout.chunk_tiles, threads);
  layout.out_blocks = cut.blocks;
  layout.tile_parts = cut.parts;
  set_thread_parts(layout, plan, shape, kernels);
  const int64_t budget = plan.threads_bytes / static_cast<int64_t>(sizeof(float));
  while (threads * layout.thread_floats() > budget && layout.tile_parts < layout.chunk_tiles) {
    layout.tile_parts = std::min(layout.chunk_tiles, 2 * layout.tile_parts);
    set_thread_parts(layout, plan, shape, kernels);
  }
  return layout;
}

}  // namespace dnd::cpu
