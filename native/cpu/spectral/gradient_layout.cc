#include "cpu/spectral/gradient_layout.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <vector>

#include "plan/rates.h"
#include "plan/spectral_plan.h"

namespace dnd::cpu {
namespace {

constexpr int64_t kFloat = sizeof(float);
constexpr int64_t kSlabBytes = int64_t{448} << 10;  ///< of products, in a core's own cache
/// Half-transformed taps beyond this size, the slab beside them, leave that cache.
constexpr int64_t kNearBytes = int64_t{1500} << 10;
/// What memory beyond it adds to the time of arithmetic, which hides the rest.
constexpr double kNanosecondsPerByte = 0.05;
constexpr int64_t kMostParts = 24;  ///< of a slab that are tried

void set_thread_parts(GradientLayout& layout, const SpectralGradientPlan& plan, const ConvolutionShape& shape) {
  const int64_t block = divide_up(std::min(layout.rows, layout.slab_rows), layout.slab_parts);
  const int64_t panel = divide_up(layout.vectors, layout.panels) * layout.lanes;
  const int64_t step_bytes = 3 * 4 * block * panel * kFloat;
  layout.slab_steps = std::clamp<int64_t>(kSlabBytes / step_bytes, 1, plan.full.points / 4 + 1);
  const GradientThreadFloats floats =
      gradient_thread_floats(shape, plan, block, panel, layout.slab_steps, layout.lanes);
  layout.column_floats = floats.column;
  layout.rows_floats = floats.rows;
  layout.slab_floats = floats.slab;
  layout.sums_floats = floats.sums;
  layout.scratch_floats = floats.scratch;
}

/// Nanoseconds of one task.
double task_time(const GradientLayout& layout, const SpectralGradientPlan& plan, const ConvolutionShape& shape,
                 const InstructionSetRates& rates, int64_t rows, int64_t vectors) {
  const auto tiles = static_cast<double>(layout.chunk_tiles), kernels = static_cast<double>(rows * vectors);
  const double components = 3 * static_cast<double>(plan.frequencies());
  const auto taps_of_columns = static_cast<double>(shape.kernel * plan.halved.points / 2);
  const double arithmetic = kernels * (components * (rates.product_row * tiles + rates.adjoint_component) +
                                       rates.adjoint_tap * taps_of_columns);
  const double spectra = 2.0 / 3 * components * tiles * static_cast<double>((rows + vectors * layout.lanes) * kFloat);
  const bool near = (layout.rows_floats + layout.slab_floats) * kFloat <= kNearBytes;
  const double halves = near ? 0 : static_cast<double>(layout.rows_floats * kFloat);
  return arithmetic + kNanosecondsPerByte * (spectra + halves);
}

/// When the tasks of a group are handed out in order to whichever thread is free: when the last one ends.
double end_of(const GradientLayout& layout, const SpectralGradientPlan& plan, const ConvolutionShape& shape,
              const InstructionSetRates& rates, int threads) {
  std::vector<double> free_at(threads);
  double last = 0;
  for (int64_t panel = 0; panel < layout.group; ++panel) {
    for (int64_t slab = 0; slab < layout.slabs; ++slab) {
      for (int64_t index = 0; index < layout.slab_parts; ++index) {
        const int64_t rows = layout.block(slab, index).size();
        if (rows == 0) continue;
        std::pop_heap(free_at.begin(), free_at.end(), std::greater());
        free_at.back() += task_time(layout, plan, shape, rates, rows, layout.panel(panel).size());
        last = std::max(last, free_at.back());
        std::push_heap(free_at.begin(), free_at.end(), std::greater());
      }
    }
  }
  return last;
}

/// Parts with which the threads end soonest: more of them read the spectra of lanes again, fewer leave threads without
/// work. As many as it takes for the threads' memory to fit.
void cut_slabs(GradientLayout& layout, const SpectralGradientPlan& plan, const ConvolutionShape& shape,
               const InstructionSetRates& rates, int threads) {
  const int64_t slab = std::min(layout.rows, layout.slab_rows);
  const int64_t budget = plan.threads_bytes / kFloat / threads;
  layout.slab_parts = 1;
  for (set_thread_parts(layout, plan, shape); layout.thread_floats() > budget && layout.slab_parts < slab;) {
    ++layout.slab_parts;
    set_thread_parts(layout, plan, shape);
  }
  int64_t best = layout.slab_parts;
  const int64_t most = std::min(slab, best + kMostParts);
  double best_end = std::numeric_limits<double>::infinity();
  for (; layout.slab_parts <= most; ++layout.slab_parts) {
    set_thread_parts(layout, plan, shape);
    const double end = end_of(layout, plan, shape, rates, threads);
    if (end < best_end) best = layout.slab_parts, best_end = end;
  }
  layout.slab_parts = best;
  set_thread_parts(layout, plan, shape);
}

}  // namespace

GradientLayout gradient_layout(const SpectralGradientPlan& plan, const ConvolutionShape& shape,
                               const SpectralKernels& kernels, int threads) {
  GradientLayout layout{};
  layout.lanes = kernels.lanes;
  layout.vectors = divide_up(plan.outs_are_lanes ? shape.out_channels : shape.channels, kernels.lanes);
  layout.panels = divide_up(layout.vectors, kernels.panel_vectors);
  layout.group = std::min(layout.panels, divide_up(plan.group_lanes, kernels.panel_vectors * kernels.lanes));
  layout.rows = plan.outs_are_lanes ? shape.channels : shape.out_channels;
  layout.slab_rows = plan.slab_rows;
  layout.slabs = divide_up(layout.rows, layout.slab_rows);
  layout.chunk_tiles = std::min(plan.chunk_tiles, shape.batch * plan.plane_tiles());

  const int64_t components = 2 * plan.frequencies(), panel = divide_up(layout.vectors, layout.panels) * layout.lanes;
  layout.row_component_stride = spread_stride(layout.chunk_tiles * layout.slab_rows);
  layout.row_slab_stride = components * layout.row_component_stride;
  layout.lane_component_stride = spread_stride(layout.chunk_tiles * panel);
  layout.panel_stride = components * layout.lane_component_stride;
  cut_slabs(layout, plan, shape, rates_of(kernels.name), threads);
  return layout;
}

}  // namespace dnd::cpu
