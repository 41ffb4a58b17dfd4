#include "cpu/spectral/spectral_layout.h"

#include <algorithm>

#include "cpu/spectral/frequency_order.h"

namespace dnd::cpu {

SpectralLayout spectral_layout(const SpectralPlan& plan, const ConvolutionShape& shape, const SpectralKernels& kernels,
                               int threads) {
  SpectralLayout layout{};
  const int64_t vectors = divide_up(shape.out_channels, kernels.lanes);
  layout.block_vectors = std::min(vectors, std::max<int64_t>(1, plan.block_outs / kernels.lanes));
  const int64_t blocks = divide_up(vectors, layout.block_vectors);
  layout.block_vectors = divide_up(vectors, blocks);
  layout.chunk_tiles = std::min(plan.chunk_tiles, shape.batch * plan.picture_tiles());
  layout.tile_parts = std::min(layout.chunk_tiles, std::max<int64_t>(1, divide_up(threads, blocks)));

  layout.slabs = divide_up(shape.channels, plan.slab_channels);
  layout.tile_component_stride = spread_stride(layout.chunk_tiles * plan.slab_channels);
  layout.slab_stride = plan.frequencies() * 3 * layout.tile_component_stride;

  const int64_t kernel = shape.kernel, block_floats = layout.block_vectors * kernels.lanes;
  const int64_t part_tiles = divide_up(layout.chunk_tiles, layout.tile_parts);
  const int64_t held = std::min(plan.block_channels, round_up(shape.channels, plan.slab_channels));
  int64_t slab_points = 0;
  for (int64_t step = 0; step < plan.steps(); step += plan.slab_steps) {
    for (bool symmetric : {false, true}) {
      slab_points = std::max(slab_points, points_of_steps(plan.full.points, symmetric, step,
                                                          std::min(plan.steps(), step + plan.slab_steps)));
    }
  }
  layout.product_floats = plan.frequencies() * 3 * spread_stride(part_tiles * block_floats);
  layout.column_floats = spread_stride(held * block_floats * 2 * kernel);
  layout.rows_floats = plan.halved.points / 2 * layout.column_floats;
  layout.slab_floats = slab_points * 3 * (plan.slab_channels * block_floats + 16);
  layout.scratch_floats =
      round_up(kernels.tile_scratch(frequency_order(plan.halved.points, plan.full.points)), 16);
  return layout;
}

}  // namespace dnd::cpu
