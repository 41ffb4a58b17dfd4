#include "cpu/convolution/direct_gradient.h"

#include <algorithm>

#include "core/range.h"
#include "cpu/layers/layers.h"

namespace dnd::cpu {
namespace {

class DirectGradient {
 public:
  DirectGradient(const Kernels& kernels, const DirectGradientPlan& plan)
      : isa_(kernels), plan_(plan), g_(plan.geometry) {}

  int64_t tasks() const { return plan_.rows.panels * plan_.lanes.panels * g_.kernel; }

  /// One row of one panel of a plane, [column][width].
  void pack_row(const GradientSide& side, int64_t panel, int64_t row, const float* plane,
                const Geometry::Strides& strides, float* packed) const {
    const Range channels = channels_of(side, panel);
    const float* from = plane + channels.begin * strides.channel + row * strides.row;
    float* to = packed + (panel * g_.rows + row) * g_.columns * side.width;
    if (strides.column == 1) {
      isa_.transpose(from, strides.channel, channels.size(), g_.columns, nullptr, 1.0f, to, side.width, side.width);
      return;
    }
    for (int64_t column = 0; column < g_.columns; ++column, to += side.width) {
      const float* position = from + column * strides.column;
      if (strides.channel == 1) {
        std::copy_n(position, channels.size(), to);
      } else {
        for (int64_t c = 0; c < channels.size(); ++c) to[c] = position[c * strides.channel];
      }
      std::fill(to + channels.size(), to + side.width, 0.0f);
    }
  }

  /// The sums of task `task` over some packed planes, from what the gradient holds (`resume`) or from zero.
  void compute(const Control& control, int64_t task, const float* packed_rows, const float* packed_lanes,
               int64_t planes, bool resume, float* sums, float* gradient) const {
    const int64_t tap_row = task % g_.kernel, tile = task / g_.kernel;
    const int64_t row_panel = tile / plan_.lanes.panels, lane_panel = tile % plan_.lanes.panels;
    const Range rows = channels_of(plan_.rows, row_panel), lanes = channels_of(plan_.lanes, lane_panel);
    if (resume) {
      for_each_sum(rows, lanes, tap_row, [&](int64_t sum, int64_t element) { sums[sum] = gradient[element]; });
    } else {
      std::fill_n(sums, plan_.thread_floats(), 0.0f);
    }
    const TileKernel kernel = isa_.tile[rows.size() - 1][divide_up(lanes.size(), isa_.lanes) - 1];
    for (int64_t plane = 0; plane < planes; ++plane) {
      add_plane(
          control, kernel,
          packed_rows + plane * plan_.packed_floats(plan_.rows) + row_panel * plan_.positions() * plan_.rows.width,
          packed_lanes + plane * plan_.packed_floats(plan_.lanes) + lane_panel * plan_.positions() * plan_.lanes.width,
          tap_row, rows.size() * lanes.size(), sums);
    }
    for_each_sum(rows, lanes, tap_row, [&](int64_t sum, int64_t element) { gradient[element] = sums[sum]; });
  }

 private:
  static Range channels_of(const GradientSide& side, int64_t panel) {
    return {panel * side.panel_channels, std::min(side.channels, (panel + 1) * side.panel_channels)};
  }

  void add_plane(const Control& control, TileKernel kernel, const float* rows, const float* lanes, int64_t tap_row,
                 int64_t channel_pairs, float* sums) const {
    // Where tap (a, b) is, x is read `shift` rows and columns further than dy.
    const int64_t row_shift = tap_row - g_.half();
    const Range inside = {std::max<int64_t>(0, -row_shift), std::min(g_.rows, g_.rows - row_shift)};
    const int64_t x_width = plan_.ins().width, dy_width = plan_.outs().width;
    const float* x = plan_.outs_across ? rows : lanes;
    const float* dy = plan_.outs_across ? lanes : rows;
    double positions = 0;
    for (int64_t row = inside.begin; row < inside.end; ++row) {
      control.throw_if_cancelled();
      const float* x_row = x + (row + row_shift) * g_.columns * x_width;
      const float* dy_row = dy + row * g_.columns * dy_width;
      for (int64_t strip = 0; strip < g_.columns; strip += plan_.strip_columns) {
        for (int64_t b = 0; b < g_.kernel; ++b) {
          const int64_t shift = b - g_.half();
          const int64_t begin = std::max(strip, -shift);
          const int64_t end = std::min({strip + plan_.strip_columns, g_.columns, g_.columns - shift});
          if (end <= begin) continue;
          const float* x_from = x_row + (begin + shift) * x_width;
          const float* dy_from = dy_row + begin * dy_width;
          kernel(end - begin, plan_.outs_across ? x_from : dy_from, plan_.rows.width,
                 plan_.outs_across ? dy_from : x_from, plan_.lanes.width, sums + b * tap_floats(), plan_.lanes.width,
                 true);
          positions += static_cast<double>(end - begin);
        }
      }
    }
    control.advance(positions * static_cast<double>(channel_pairs));
  }

  int64_t tap_floats() const { return plan_.rows.panel_channels * plan_.lanes.width; }

  /// visit(sum, element of the gradient) for a task's sums, [tap column][row][lane].
  template <typename Visit>
  void for_each_sum(Range rows, Range lanes, int64_t tap_row, const Visit& visit) const {
    const int64_t taps = g_.kernel * g_.kernel, out_step = g_.channels * taps;
    const int64_t row_step = plan_.outs_across ? taps : out_step, lane_step = plan_.outs_across ? out_step : taps;
    const int64_t first = rows.begin * row_step + lanes.begin * lane_step + tap_row * g_.tap_row_stride;
    for (int64_t r = 0; r < rows.size(); ++r) {
      for (int64_t l = 0; l < lanes.size(); ++l) {
        for (int64_t b = 0; b < g_.kernel; ++b) {
          visit(b * tap_floats() + r * plan_.lanes.width + l,
                first + r * row_step + l * lane_step + b * g_.tap_column_stride);
        }
      }
    }
  }

  const Kernels& isa_;
  const DirectGradientPlan& plan_;
  const Geometry& g_;
};

}  // namespace

void direct_weight_gradient(ThreadPool& pool, const Control& control, const Kernels& kernels,
                            const DirectGradientPlan& plan, const DndWeightGradientOperands& operands) {
  const Geometry& g = plan.geometry;
  const DirectGradient gradient(kernels, plan);
  float* normalised = static_cast<float*>(operands.workspace);
  float* rows = normalised + plan.planes_at_once * plan.normalised_floats();
  float* lanes = rows + plan.planes_at_once * plan.packed_floats(plan.rows);
  float* sums = lanes + plan.planes_at_once * plan.packed_floats(plan.lanes);
  for (int64_t first = 0; first < g.batch; first += plan.planes_at_once) {
    const int64_t planes = std::min(plan.planes_at_once, g.batch - first);
    const float* x = operands.x + first * g.x.batch;
    const float* dy = operands.dy + first * g.y.batch;
    if (plan.normalised) {
      const int64_t tokens = g.mean_rstd.batch / 3;
      normalise(pool, control, x, operands.mean_rstd + first * g.mean_rstd.batch, planes * tokens, g.x.batch / tokens,
                operands.norm_weight, operands.norm_bias, normalised);
      x = normalised;
    }
    const int64_t panels = plan.rows.panels + plan.lanes.panels;
    pool.parallel_for(planes * g.rows, [&](int64_t task, int) {
      control.throw_if_cancelled();
      const int64_t plane = task / g.rows, row = task % g.rows;
      for (int64_t panel = 0; panel < panels; ++panel) {
        const bool of_rows = panel < plan.rows.panels, of_x = of_rows == plan.outs_across;
        const GradientSide& side = of_rows ? plan.rows : plan.lanes;
        gradient.pack_row(side, of_rows ? panel : panel - plan.rows.panels, row,
                          of_x ? x + plane * g.x.batch : dy + plane * g.y.batch, of_x ? g.x : g.y,
                          (of_rows ? rows : lanes) + plane * plan.packed_floats(side));
      }
    });
    pool.parallel_for(gradient.tasks(), [&](int64_t task, int thread) {
      gradient.compute(control, task, rows, lanes, planes, first > 0 || operands.accumulate != 0,
                       sums + thread * plan.thread_floats(), operands.gradient);
    });
  }
}

}  // namespace dnd::cpu
