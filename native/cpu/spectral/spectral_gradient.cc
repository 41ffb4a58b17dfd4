#include "cpu/spectral/spectral_gradient.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "cpu/spectral/frequency_order.h"
#include "cpu/spectral/plane_tiles.h"
#include "cpu/spectral/spectral_profile.h"
#include "cpu/spectral/tap_twiddles.h"

namespace dnd::cpu {
namespace {

/// Places, in a weight's [k, k], of the taps that are never over the plane, because it is too small. Their gradient
/// is zero, and of the spectral algorithm rounding: that must not be left, for AdamW would take it for any other
/// gradient.
std::vector<int64_t> idle_taps(const Geometry& g) {
  const auto idle = [&g](int64_t tap, int64_t size) { return std::abs(tap - g.half()) >= size; };
  std::vector<int64_t> places;
  for (int64_t i = 0; i < g.kernel; ++i) {
    for (int64_t j = 0; j < g.kernel; ++j) {
      if (!idle(i, g.rows) && !idle(j, g.columns)) continue;
      places.push_back(i * g.tap_row_stride + j * g.tap_column_stride);
    }
  }
  return places;
}

class SpectralGradient {
 public:
  SpectralGradient(const SpectralKernels& kernels, const Geometry& geometry, const SpectralGradientPlan& plan,
                   const GradientLayout& layout, const DndWeightGradientOperands& operands)
      : isa_(kernels),
        g_(geometry),
        plan_(plan),
        layout_(layout),
        operands_(operands),
        tiles_(geometry, plan.halved, plan.full, plan.halved_is_i),
        order_(frequency_order(plan.halved.points, plan.full.points)),
        halved_twiddles_(plan.halved.points, geometry.half()),
        full_twiddles_(plan.full.points, geometry.half()),
        work_(direct_multiply_adds(shape_of(geometry))),
        half_(geometry.half()),
        idle_taps_(idle_taps(geometry)) {}

  int64_t tiles() const { return tiles_.count(); }

  /// Spectra of one tile for a slab of rows; `place` is the tile's among the chunk's.
  void transform_rows(int64_t tile, int64_t place, int64_t slab, float* spectra, float* scratch) const {
    transform(!plan_.outs_are_lanes, tile, layout_.slab(slab),
              {spectra + slab * layout_.row_slab_stride + place * layout_.slab_rows, layout_.row_component_stride},
              scratch);
  }

  /// And for a panel of lanes, which goes to a place of its group.
  void transform_lanes(int64_t tile, int64_t place, int64_t panel, int64_t place_of_panel, float* spectra,
                       float* scratch) const {
    const Range vectors = layout_.panel(panel);
    const int64_t channels = plan_.outs_are_lanes ? g_.out_channels : g_.channels;
    float* first = spectra + layout_.slabs * layout_.row_slab_stride + place_of_panel * layout_.panel_stride;
    transform(plan_.outs_are_lanes, tile, {vectors.begin * isa_.lanes, std::min(channels, vectors.end * isa_.lanes)},
              {first + place * vectors.size() * isa_.lanes, layout_.lane_component_stride}, scratch);
  }

  struct Block {
    Range rows;  ///< of one slab
    int64_t slab;
    Range vectors;  ///< of a panel of lanes
    int64_t place_of_panel;
    int64_t kernels() const { return rows.size() * vectors.size(); }
  };

  /// What a chunk of tiles gives to a block of rows and a panel of lanes. `scratch`: layout.thread_floats() floats.
  void multiply(const Control& control, const float* spectra, const Block& block, int64_t chunk_tiles, bool accumulate,
                float* scratch, SpectralProfile& profile) const {
    float* const rows = scratch;
    float* const slab = rows + layout_.rows_floats;
    for (int64_t column = 0; column < order_.columns(); ++column) {
      multiply_column(control, spectra, block, chunk_tiles, column, slab, rows + column * layout_.column_floats,
                      profile);
    }
    inverse_transform(block, rows, accumulate, profile);
    const int64_t lanes_end = std::min(lane_channels(), block.vectors.end * isa_.lanes);
    control.advance(work_ * static_cast<double>(chunk_tiles) / static_cast<double>(tiles()) *
                    static_cast<double>(block.rows.size()) / static_cast<double>(layout_.rows) *
                    static_cast<double>(lanes_end - block.vectors.begin * isa_.lanes) /
                    static_cast<double>(lane_channels()));
  }

 private:
  int64_t lane_channels() const { return plan_.outs_are_lanes ? g_.out_channels : g_.channels; }

  /// Some channels of dy's tile, or of x's, which is conjugated. Both of a frequency and its conjugate count, but only
  /// one is stored (and those that are their own are halved later): hence the two.
  void transform(bool of_result, int64_t tile, Range channels, SpectrumView<float> spectrum, float* scratch) const {
    for (int64_t channel = channels.begin; channel < channels.end; channel += isa_.lanes, spectrum.data += isa_.lanes) {
      const int64_t here = std::min(isa_.lanes, channels.end - channel);
      if (of_result) {
        isa_.forward(tiles_.output(operands_.dy, tile, channel, here), {}, order_, {1}, spectrum, scratch);
      } else {
        const float scale = static_cast<float>(2.0 / static_cast<double>(tiles_.points()));
        const TileNorm norm =
            tiles_.norm(operands_.norm_weight, operands_.norm_bias, operands_.mean_rstd, tile, channel);
        isa_.forward(tiles_.input(operands_.x, tile, channel, here), norm, order_, {.scale = scale, .conjugated = true},
                     spectrum, scratch);
      }
    }
  }

  /// Products of one column's points, a few steps at a time, and what they give to the column's half-transformed taps.
  void multiply_column(const Control& control, const float* spectra, const Block& block, int64_t chunk_tiles,
                       int64_t column, float* slab, float* column_rows, SpectralProfile& profile) const {
    const int64_t full_points = plan_.full.points, steps = full_points / 4 + 1;
    const bool symmetric = column == 0;
    const int64_t width = block.vectors.size() * isa_.lanes;
    const int64_t slab_stride = block.kernels() * isa_.lanes + isa_.lanes;  // not all in one cache set
    const float* row_spectra =
        spectra + block.slab * layout_.row_slab_stride + block.rows.begin - block.slab * layout_.slab_rows;
    const float* lane_spectra =
        spectra + layout_.slabs * layout_.row_slab_stride + block.place_of_panel * layout_.panel_stride;
    int64_t point = order_.column_begin(column);
    for (int64_t step = 0; step < steps; step += layout_.slab_steps) {
      control.throw_if_cancelled();
      const int64_t end = std::min(steps, step + layout_.slab_steps);
      const int64_t points = points_of_steps(full_points, symmetric, step, end);
      {
        const PartTimer timer(profile, kDndGradientProductPart);
        for (int64_t i = 0; i < points; ++i) {
          const int64_t component = 2 * (point + i);
          isa_.gradient_product(
              block.rows.size(), block.vectors.size(), chunk_tiles,
              {row_spectra + component * layout_.row_component_stride, layout_.row_component_stride, layout_.slab_rows},
              {lane_spectra + component * layout_.lane_component_stride, layout_.lane_component_stride, width},
              slab + 3 * i * slab_stride, slab_stride, slab + layout_.slab_floats);
        }
      }
      const PartTimer timer(profile, kDndGradientTapsPart);
      isa_.columns_adjoint[half_](slab, slab_stride, block.kernels(), full_twiddles_.all(), full_points, symmetric,
                                  step, end, column_rows);
      point += points;
    }
  }

  /// Half-transformed taps [column][row][vector] to the gradient.
  void inverse_transform(const Block& block, const float* rows, bool accumulate, SpectralProfile& profile) const {
    const PartTimer timer(profile, kDndGradientTapsPart);
    const int64_t kernel_floats = 2 * g_.kernel * isa_.lanes;
    const int64_t taps = g_.kernel * g_.kernel;
    for (int64_t v = 0; v < block.vectors.size(); ++v) {
      const int64_t lane = (block.vectors.begin + v) * isa_.lanes, row = block.rows.begin;
      const int64_t lane_stride = plan_.outs_are_lanes ? g_.channels * taps : taps;
      const int64_t row_stride = plan_.outs_are_lanes ? taps : g_.channels * taps;
      const TapTarget target = {operands_.gradient + lane * lane_stride + row * row_stride,
                                lane_stride,
                                std::min(isa_.lanes, lane_channels() - lane),
                                row_stride,
                                tiles_.halved_tap(),
                                tiles_.full_tap(),
                                accumulate};
      const std::vector<float> idle =
          idle_taps_.empty() ? std::vector<float>() : idle_values(target, block.rows.size());
      isa_.halve_adjoint[half_](rows + v * kernel_floats, layout_.column_floats, block.vectors.size() * kernel_floats,
                                block.rows.size(), halved_twiddles_.all(), order_.columns(), target);
      const float* value = idle.data();
      for_each_idle_tap(target, idle.empty() ? 0 : block.rows.size(), [&value](float& tap) { tap = *value++; });
    }
  }

  void for_each_idle_tap(const TapTarget& target, int64_t rows, auto visit) const {
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t lane = 0; lane < target.outs; ++lane) {
        float* const taps = target.first + row * target.channel_stride + lane * target.out_stride;
        for (const int64_t place : idle_taps_) visit(taps[place]);
      }
    }
  }

  /// Their final content.
  std::vector<float> idle_values(const TapTarget& target, int64_t rows) const {
    std::vector<float> values;
    for_each_idle_tap(target, rows, [&](const float& tap) { values.push_back(target.accumulate ? tap : 0); });
    return values;
  }

  const SpectralKernels& isa_;
  const Geometry& g_;
  const SpectralGradientPlan& plan_;
  const GradientLayout& layout_;
  const DndWeightGradientOperands& operands_;
  const PlaneTiles tiles_;
  const FrequencyOrder order_;
  const TwiddleTable halved_twiddles_, full_twiddles_;
  const double work_;
  const int64_t half_;
  const std::vector<int64_t> idle_taps_;
};

}  // namespace

void spectral_weight_gradient(ThreadPool& pool, const Control& control, const SpectralKernels& kernels,
                              const Geometry& geometry, const SpectralGradientPlan& plan, const GradientLayout& layout,
                              const DndWeightGradientOperands& operands) {
  const SpectralGradient gradient(kernels, geometry, plan, layout, operands);
  float* const spectra = static_cast<float*>(operands.workspace);
  float* const own = spectra + layout.spectra_floats();
  std::vector<SpectralProfile> profiles(pool.threads(), {.wanted = operands.part_seconds != nullptr});
  for (int64_t begin = 0; begin < gradient.tiles(); begin += layout.chunk_tiles) {
    const int64_t tiles = std::min(layout.chunk_tiles, gradient.tiles() - begin);
    for (int64_t group = 0; group < layout.panels; group += layout.group) {
      // Rows are transformed with the first group of lanes, and stay.
      const int64_t panels = std::min(layout.group, layout.panels - group), slabs = group == 0 ? layout.slabs : 0;
      pool.parallel_for(tiles * (slabs + panels), [&](int64_t task, int thread) {
        control.throw_if_cancelled();
        const PartTimer timer(profiles[thread], kDndGradientForwardPart);
        const int64_t place = task / (slabs + panels), what = task % (slabs + panels);
        float* const scratch = own + thread * layout.thread_floats();
        if (what < slabs) {
          gradient.transform_rows(begin + place, place, what, spectra, scratch);
        } else {
          gradient.transform_lanes(begin + place, place, group + what - slabs, what - slabs, spectra, scratch);
        }
      });
      const int64_t blocks = layout.slabs * layout.slab_parts;
      pool.parallel_for(panels * blocks, [&](int64_t task, int thread) {
        const int64_t panel = task / blocks, slab = task % blocks / layout.slab_parts;
        const Range rows = layout.block(slab, task % layout.slab_parts);
        if (rows.size() == 0) return;  // of the last slab, which may be small
        gradient.multiply(control, spectra, {rows, slab, layout.panel(group + panel), panel}, tiles,
                          operands.accumulate != 0 || begin > 0, own + thread * layout.thread_floats(),
                          profiles[thread]);
      });
    }
  }
  if (operands.part_seconds == nullptr) return;
  for (const SpectralProfile& profile : profiles) {
    for (int i = 0; i < kDndWeightGradientParts; ++i) operands.part_seconds[i] += profile.seconds[i];
  }
}

}  // namespace dnd::cpu
