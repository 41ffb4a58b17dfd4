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
                      const InstructionSetRates& rates) {
  const int64_t vectors = divide_up(shape.out_channels, rates.lanes);
  const int64_t block_floats = divide_up(vectors, layout.out_blocks) * rates.lanes;
  const int64_t part_tiles = divide_up(layout.chunk_tiles, layout.tile_parts);
  layout.product_floats = plan.frequencies() * 3 * spread_stride(part_tiles * block_floats);
  layout.column_floats = spread_stride(plan.slab_channels * block_floats * 2 * shape.kernel);
  layout.rows_floats = plan.halved.points / 2 * layout.column_floats;
  layout.slab_floats = slab_points(plan) * 3 * (plan.tile_elements() * block_floats + rates.lanes);
  layout.slab_floats = round_up(layout.slab_floats, 16);
  layout.between_floats = round_up(plan.between_floats(part_tiles, rates.lanes), 16);
  layout.scratch_floats = round_up(TileScratch(rates.lanes, plan.halved.points, plan.full.points).floats(), 16);
}

}  // namespace

SpectralLayout spectral_layout(const SpectralPlan& plan, const ConvolutionShape& shape, const InstructionSetRates& rates,
                               int threads) {
  SpectralLayout layout{};
  layout.chunk_tiles = std::min(plan.chunk_tiles, shape.batch * plan.plane_tiles());
  layout.slabs = divide_up(shape.channels, plan.slab_channels);
  layout.tile_component_stride = spread_stride(layout.chunk_tiles * plan.tile_elements());
  layout.slab_stride = plan.frequencies() * plan.tile_components() * layout.tile_component_stride;

  const TaskCut cut = cut_tasks(shape, plan, rates, layout.chunk_tiles, threads);
  layout.out_blocks = cut.blocks;
  layout.tile_parts = cut.parts;
  set_thread_parts(layout, plan, shape, rates);
  const int64_t budget = plan.threads_bytes / static_cast<int64_t>(sizeof(float));
  while (threads * layout.thread_floats() > budget && layout.tile_parts < layout.chunk_tiles) {
    layout.tile_parts = std::min(layout.chunk_tiles, 2 * layout.tile_parts);
    set_thread_parts(layout, plan, shape, rates);
  }
  return layout;
}

}  // namespace dnd::cpu
