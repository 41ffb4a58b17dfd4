#include "cpu/convolution/direct.h"

#include <algorithm>
#include <vector>

#include "core/convolution_work.h"
#include "core/range.h"
#include "core/workspace.h"
#include "cpu/convolution/copy.h"

namespace dnd::cpu {
namespace {

class DirectConvolution {
 public:
  DirectConvolution(const Kernels& kernels, const DirectPlan& plan) : isa_(kernels), plan_(plan), g_(plan.geometry) {
    for (int64_t row = 0; row < g_.rows; ++row) {
      row_taps_.push_back(static_cast<double>(taps_inside(g_.rows, g_.kernel, row, row + 1)));
    }
    for (int64_t strip = 0; strip < plan.strips; ++strip) {
      const Range columns = strip_columns(strip);
      strip_taps_.push_back(static_cast<double>(taps_inside(g_.columns, g_.kernel, columns.begin, columns.end)));
    }
    find_places(plan.block_channels, places_[0]);
    find_places(plan.block_channels - 1, places_[1]);
  }

  /// Zero-padded copy of one row of a strip, [channel][pitch], each block of channels on its own: a tap row is then a
  /// fixed number of floats further, and one tile kernel runs through all of them.
  void pack_unit(const float* x, int64_t unit, float* planes) const {
    const auto [task, strip, row] = split(unit);
    const Range columns = strip_columns(strip);
    const Range inside = {std::max<int64_t>(0, columns.begin - g_.half()),
                          std::min(g_.columns, columns.end + g_.half())};
    const int64_t left = inside.begin - (columns.begin - g_.half());
    const float* from = x + task * g_.x.batch + row * g_.x.row + inside.begin * g_.x.column;
    for (int64_t block = 0; block < plan_.channel_blocks; ++block) {
      const Range channels = part(g_.channels, plan_.channel_blocks, block);
      float* to = packed_row(planes, unit, channels, row);
      for (int64_t c = 0; c < channels.size(); ++c) {
        std::fill_n(to + c * plan_.pitch, left, 0.0f);
        std::fill_n(to + c * plan_.pitch + left + inside.size(), plan_.pitch - left - inside.size(), 0.0f);
      }
      copy_plane(isa_, from + channels.begin * g_.x.channel, g_.x.channel, g_.x.column, to + left, plan_.pitch, 1,
                 channels.size(), inside.size());
    }
  }

  /// One block of output channels for the units of one group. `scratch`: plan.thread_floats() floats; addend, of y's
  /// shape: may be null, or y.
  void compute(const Control& control, const float* planes, DndWeight weight, int64_t out_block, Range units,
               const float* addend, float* y, float* scratch) const {
    const Range outs = {out_block * plan_.block_outs, std::min(g_.out_channels, (out_block + 1) * plan_.block_outs)};
    float* packed_weight = scratch;
    float* sums = scratch + plan_.weight_floats();
    std::fill_n(sums, units.size() * plan_.unit_floats, 0.0f);
    for (int64_t block = 0; block < plan_.channel_blocks; ++block) {
      const Range channels = part(g_.channels, plan_.channel_blocks, block);
      control.throw_if_cancelled();
      pack_weight(weight, outs, channels, packed_weight);
      double positions_and_taps = 0;
      for (int64_t unit = units.begin; unit < units.end; ++unit) {
        control.throw_if_cancelled();
        accumulate(planes, packed_weight, outs, channels, unit, sums + (unit - units.begin) * plan_.unit_floats);
        positions_and_taps += row_taps_[split(unit).row] * strip_taps_[split(unit).strip];
      }
      control.advance(positions_and_taps * static_cast<double>(outs.size()) * static_cast<double>(channels.size()));
    }
    for (int64_t unit = units.begin; unit < units.end; ++unit) {
      finish(sums + (unit - units.begin) * plan_.unit_floats, outs, unit, addend, y);
    }
  }

 private:
  struct Unit {
    int64_t task, strip, row;
  };
  Unit split(int64_t unit) const {
    const int64_t plane = unit / g_.rows;
    return {plane / plan_.strips, plane % plan_.strips, unit % g_.rows};
  }

  template <typename Float>
  Float* packed_row(Float* planes, int64_t unit, Range channels, int64_t row) const {
    const int64_t plane = unit / g_.rows;
    return planes + ((plane * g_.channels + channels.begin) * g_.rows + row * channels.size()) * plan_.pitch;
  }

  Range strip_columns(int64_t strip) const {
    return {strip * plan_.strip_columns, std::min(g_.columns, (strip + 1) * plan_.strip_columns)};
  }

  /// Where a weight's tap of a block's channel goes: [tap column][tap row][channel], the taps of a transposed weight in
  /// reversed order.
  void find_places(int64_t channels, std::vector<int32_t>& places) const {
    const int64_t last = g_.kernel - 1;
    places.resize(channels * g_.kernel * g_.kernel);
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t a = 0; a < g_.kernel; ++a) {
        for (int64_t b = 0; b < g_.kernel; ++b) {
          const int64_t row = plan_.transposed_weight ? last - a : a, column = plan_.transposed_weight ? last - b : b;
          places[c * g_.kernel * g_.kernel + a * g_.tap_row_stride + b * g_.tap_column_stride] =
              static_cast<int32_t>((column * g_.kernel + row) * channels + c);
        }
      }
    }
  }

  /// [tap column][tap row][channel][out_width]
  void pack_weight(DndWeight stored, Range outs, Range channels, float* packed) const {
    const int64_t taps = g_.kernel * g_.kernel;
    const auto& places = places_[channels.size() == plan_.block_channels ? 0 : 1];
    if (stored.type != kDndFloat32Weight) {
      const int64_t row = channels.size() * taps;
      thread_local Workspace widened;
      widened.reserve(static_cast<size_t>(outs.size() * row) * sizeof(float));
      for (int64_t out = 0; out < outs.size(); ++out) {
        const int64_t first = ((outs.begin + out) * g_.channels + channels.begin) * taps;
        widen(stored, first, row, widened.floats() + out * row);
      }
      isa_.transpose(widened.floats(), row, outs.size(), row, places.data(), 1.0f, packed, plan_.out_width,
                     plan_.out_width);
      return;
    }
    const float* const weight = static_cast<const float*>(stored.values);
    if (plan_.transposed_weight) {
      for (int64_t c = 0; c < channels.size(); ++c) {  // whose output channels are contiguous
        isa_.transpose(weight + ((channels.begin + c) * g_.out_channels + outs.begin) * taps, taps, outs.size(), taps,
                       places.data() + c * taps, 1.0f, packed, plan_.out_width, plan_.out_width);
      }
      return;
    }
    isa_.transpose(weight + (outs.begin * g_.channels + channels.begin) * taps, g_.channels * taps, outs.size(),
                   channels.size() * taps, places.data(), 1.0f, packed, plan_.out_width, plan_.out_width);
  }

  /// sums (+)= the taps of one row of a strip for a block of input channels.
  void accumulate(const float* planes, const float* packed_weight, Range outs, Range channels, int64_t unit,
                  float* sums) const {
    const auto [task, strip, row] = split(unit);
    const int64_t columns = strip_columns(strip).size();
    const Range tap_rows = {std::max<int64_t>(0, g_.half() - row), std::min(g_.kernel, g_.rows - row + g_.half())};
    const int64_t depth = tap_rows.size() * channels.size();
    const float* plane = packed_row(planes, unit, channels, row + tap_rows.begin - g_.half());
    for (int64_t b = 0; b < g_.kernel; ++b) {
      const float* taps = packed_weight + (b * g_.kernel + tap_rows.begin) * channels.size() * plan_.out_width;
      if (plan_.across == AcrossLanes::kOutChannels) {
        const int64_t tiles = divide_up(columns, isa_.tile_rows);
        const int64_t vectors = divide_up(outs.size(), isa_.lanes);
        for (int64_t t = 0; t < tiles; ++t) {
          const Range tile = part(columns, tiles, t);
          isa_.tile[tile.size() - 1][vectors - 1](depth, plane + tile.begin + b, plan_.pitch, taps, plan_.out_width,
                                                  sums + tile.begin * plan_.out_width, plan_.out_width, true);
        }
      } else {
        const int64_t breadth = isa_.lanes * kMaxTileVectors;
        for (int64_t column = 0; column < columns; column += breadth) {
          const int64_t vectors = divide_up(std::min(breadth, columns - column), isa_.lanes);
          isa_.tile[outs.size() - 1][vectors - 1](depth, taps, plan_.out_width, plane + column + b, plan_.pitch,
                                                  sums + column, plan_.unit_floats / isa_.tile_rows, true);
        }
      }
    }
  }

  void finish(float* sums, Range outs, int64_t unit, const float* addend, float* y) const {
    const auto [task, strip, row] = split(unit);
    const Range columns = strip_columns(strip);
    const bool across_outs = plan_.across == AcrossLanes::kOutChannels;
    const int64_t sum_out = across_outs ? 1 : plan_.unit_floats / isa_.tile_rows;
    const int64_t sum_column = across_outs ? plan_.out_width : 1;
    const int64_t at = task * g_.y.batch + outs.begin * g_.y.channel + row * g_.y.row + columns.begin * g_.y.column;
    if (addend != nullptr) {
      add_plane(addend + at, g_.y.channel, g_.y.column, sums, sum_out, sum_column, outs.size(), columns.size());
    }
    copy_plane(isa_, sums, sum_out, sum_column, y + at, g_.y.channel, g_.y.column, outs.size(), columns.size());
  }

  const Kernels& isa_;
  const DirectPlan& plan_;
  const Geometry& g_;
  std::vector<double> row_taps_, strip_taps_;  ///< pairs of a position and a tap that is inside
  std::vector<int32_t> places_[2];             ///< for blocks of block_channels and of one channel less
};

}  // namespace

void convolve_direct(ThreadPool& pool, const Control& control, const Kernels& kernels, const DirectPlan& plan,
                     const float* x, DndWeight weight, const float* addend, float* y, float* workspace) {
  const Geometry& geometry = plan.geometry;
  const DirectConvolution convolution(kernels, plan);
  float* planes = workspace;
  float* scratch = workspace + plan.batch_at_once * plan.plane_floats();
  for (int64_t first = 0; first < geometry.batch; first += plan.batch_at_once) {
    const int64_t units = plan.units(std::min(plan.batch_at_once, geometry.batch - first));
    const float* x_part = x + first * geometry.x.batch;
    const float* addend_part = addend == nullptr ? nullptr : addend + first * geometry.y.batch;
    float* y_part = y + first * geometry.y.batch;
    pool.parallel_for(units, [&](int64_t unit, int) {
      control.throw_if_cancelled();
      convolution.pack_unit(x_part, unit, planes);
    });
    const int64_t groups = std::min(plan.groups, units);
    pool.parallel_for(groups * plan.out_blocks, [&](int64_t task, int thread) {
      convolution.compute(control, planes, weight, task % plan.out_blocks, part(units, groups, task / plan.out_blocks),
                          addend_part, y_part, scratch + thread * plan.thread_floats());
    });
  }
}

}  // namespace dnd::cpu
