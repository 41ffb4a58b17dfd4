#include <algorithm>
#include <cmath>

#include "core/integers.h"
#include "cuda/device/normalised.h"
#include "cuda/kernels/direct_convolution.h"
#include "cuda/kernels/direct_tile.h"
#include "cuda/kernels/grid.h"
#include "plan/geometry.h"
#include "toolkit/device_code.h"
#include "toolkit/launch.h"

namespace dnd::cuda {
namespace {

enum Fastest : int { kColumn, kRow, kChannel };

struct Arguments {
  Geometry geometry;
  DirectTile tile;
  DndEpilogue epilogue;
  Fastest fastest;  ///< axis of x along which neighbours are adjacent
  const float *x, *mean_rstd, *norm_weight, *norm_bias, *weight, *addend, *bias;
  float* y;
};

/// x at a point inside the plane, normalised if mean_rstd is not null.
__device__ __forceinline__ float input_at(const Arguments& a, int64_t batch, int64_t channel, int64_t row,
                                          int64_t column) {
  const auto place = [&](const Geometry::Strides& strides) {
    return batch * strides.batch + channel * strides.channel + row * strides.row + column * strides.column;
  };
  const float x = a.x[place(a.geometry.x)];
  if (a.mean_rstd == nullptr) return x;
  const float* mean_rstd = a.mean_rstd + place(a.geometry.mean_rstd);
  const int64_t at = place(a.geometry.norm);
  return normalised(x, mean_rstd[0], mean_rstd[1], mean_rstd[2], a.norm_weight[at], a.norm_bias[at]);
}

/// Stores a sum through the epilogue.
__device__ __forceinline__ void store(const Arguments& a, int64_t batch, int64_t out, int64_t row, int64_t column,
                                      float sum) {
  const auto place = [&](const Geometry::Strides& strides) {
    return batch * strides.batch + out * strides.channel + row * strides.row + column * strides.column;
  };
  const int64_t at = place(a.geometry.y);
  if (a.epilogue == kDndMergePaths) {
    sum = (a.addend[at] + tanhf(sum) + a.bias[place(a.geometry.bias)]) / 3.0f;
  } else if (a.epilogue == kDndTokenBias) {
    sum += a.bias[place(a.geometry.bias)];
    if (a.addend != nullptr) sum += a.addend[at];
  }
  a.y[at] = sum;
}

// The specification: one thread for each element of y.

__global__ void direct_convolution_naive_kernel(Arguments a) {
  const Geometry& g = a.geometry;
  int64_t i = int64_t{block_index().x} * block_size().x + thread_index().x;
  if (i >= g.batch * g.out_channels * g.rows * g.columns) return;
  const int64_t column = i % g.columns, row = (i /= g.columns) % g.rows, out = (i /= g.rows) % g.out_channels;
  const int64_t batch = i / g.out_channels;
  double sum = 0;
  for (int64_t channel = 0; channel < g.channels; ++channel) {
    const float* taps = a.weight + (out * g.channels + channel) * g.kernel * g.kernel;
    for (int64_t tap_row = 0; tap_row < g.kernel; ++tap_row) {
      for (int64_t tap = 0; tap < g.kernel; ++tap) {
        const int64_t from_row = row + tap_row - g.half(), from_column = column + tap - g.half();
        if (from_row < 0 || from_row >= g.rows || from_column < 0 || from_column >= g.columns) continue;
        sum += static_cast<double>(taps[tap_row * g.tap_row_stride + tap * g.tap_column_stride]) *
               static_cast<double>(input_at(a, batch, channel, from_row, from_column));
      }
    }
  }
  store(a, batch, out, row, column, static_cast<float>(sum));
}

// The kernel.

/// Goes through [third][second][first], `step` elements at a time, without a division for each.
struct Walk {
  int firsts, seconds;
  int first, second, third;
  int step_first, step_second, step_third;

  __device__ __forceinline__ Walk(int firsts, int seconds, int begin, int step)
      : firsts(firsts),
        seconds(seconds),
        first(begin % firsts),
        second(begin / firsts % seconds),
        third(begin / firsts / seconds),
        step_first(step % firsts),
        step_second(step / firsts % seconds),
        step_third(step / firsts / seconds) {}

  __device__ __forceinline__ void advance() {
    first += step_first;
    second += step_second;
    third += step_third;
    if (first >= firsts) {
      first -= firsts;
      ++second;
    }
    if (second >= seconds) {
      second -= seconds;
      ++third;
    }
  }
};

/// Some neighbouring taps of one axis.
struct Taps {
  int begin, end;

  __device__ __forceinline__ Taps(int64_t size, int64_t kernel, int64_t first, int64_t count) {
    const TapRange range = taps_inside_for(size, kernel, first, count);
    begin = static_cast<int>(range.begin);
    end = static_cast<int>(range.end);
  }
  __device__ __forceinline__ int size() const { return end - begin; }
};

/// What a block computes: its first output. The launcher sees to it that no axis is longer than an int can count.
struct Block {
  int batch, out, row, column;

  __device__ __forceinline__ explicit Block(const Arguments& a) {
    const Geometry& g = a.geometry;
    unsigned rest = block_index().x;
    const auto take = [&](int64_t size, int part) {
      const auto parts = static_cast<unsigned>(divide_up(size, part));
      const int begin = static_cast<int>(rest % parts) * part;
      rest /= parts;
      return begin;
    };
    column = take(g.columns, a.tile.columns());
    row = take(g.rows, a.tile.rows());
    out = take(g.out_channels, a.tile.block_outs());
    batch = static_cast<int>(rest);
  }
};

/// The part of the sums that is staged.
struct Stage {
  int channel, tap_row;  ///< first
  int channels, tap_rows;
  Taps taps;
  int patch_rows;
};

/// patch[channel][row][pitch], zeros in the padding. Rows begin at the first tap of the block's first column.
__device__ __forceinline__ void fetch_patch(const Arguments& a, const Block& block, const Stage& stage, float* patch) {
  const Geometry& g = a.geometry;
  const int columns = static_cast<int>(direct_tile::patch_columns(a.tile.lane_columns, stage.taps.size()));
  const int half = static_cast<int>(g.half());
  const int first_row = block.row + stage.tap_row - half, first_column = block.column + stage.taps.begin - half;
  const int firsts = a.fastest == kColumn ? columns : a.fastest == kRow ? stage.patch_rows : stage.channels;
  const int seconds = a.fastest == kColumn ? stage.patch_rows : columns;
  const int count = columns * stage.patch_rows * stage.channels;
  const int begin = static_cast<int>(thread_index().x), step = static_cast<int>(block_size().x);
  Walk walk(firsts, seconds, begin, step);
  for (int i = begin; i < count; i += step, walk.advance()) {
    const int patch_column = a.fastest == kColumn ? walk.first : walk.second;
    const int patch_row = a.fastest == kColumn ? walk.second : a.fastest == kRow ? walk.first : walk.third;
    const int channel = a.fastest == kChannel ? walk.first : walk.third;
    const int row = first_row + patch_row, column = first_column + patch_column;
    const bool inside = row >= 0 && row < g.rows && column >= 0 && column < g.columns;
    patch[(channel * stage.patch_rows + patch_row) * a.tile.pitch + patch_column] =
        inside ? input_at(a, block.batch, stage.channel + channel, row, column) : 0;
  }
}

/// weights[channel][tap row][tap][out group][outs], zeros beyond the output channels.
__device__ __forceinline__ void fetch_weights(const Arguments& a, const Block& block, const Stage& stage,
                                              float* weights) {
  const Geometry& g = a.geometry;
  const int taps = stage.taps.size(), tap_pitch = a.tile.tap_pitch(), outs_pitch = a.tile.outs_pitch();
  const int lines = stage.tap_rows * stage.channels;
  const int begin = static_cast<int>(thread_index().x), step = static_cast<int>(block_size().x);
  Walk walk(taps, lines, begin, step);
  for (int i = begin; i < taps * lines * outs_pitch * a.tile.out_groups; i += step, walk.advance()) {
    const int group = walk.third / outs_pitch, of_group = walk.third % outs_pitch;
    const int channel = walk.second / stage.tap_rows, tap_row = walk.second % stage.tap_rows;
    const int out = block.out + group * a.tile.outs + of_group;
    const bool inside = of_group < a.tile.outs && out < g.out_channels;
    weights[(walk.second * taps + walk.first) * tap_pitch + walk.third] =
        inside ? a.weight[(int64_t{out} * g.channels + stage.channel + channel) * g.kernel * g.kernel +
                          (stage.tap_row + tap_row) * g.tap_row_stride +
                          (stage.taps.begin + walk.first) * g.tap_column_stride]
               : 0;
  }
}

template <int kOuts>
using Sums = float[DirectTile::kColumns][kOuts];

/// Adds one row of taps of one channel. `line`: the patch under the thread's first column and the first tap.
template <int kOuts>
__device__ __forceinline__ void add_line(Sums<kOuts>& sums, const float* line, const float* weights, int taps,
                                         int tap_pitch) {
  static_assert(DirectTile::kColumns == 4);
  float4 four = *reinterpret_cast<const float4*>(line);
  for (int tap = 0; tap < taps; tap += 4) {
    const float4 next = *reinterpret_cast<const float4*>(line + tap + 4);
    const float window[8] = {four.x, four.y, four.z, four.w, next.x, next.y, next.z, next.w};
    DND_UNROLL
    for (int i = 0; i < 4; ++i) {
      if (tap + i >= taps) break;
      float w[(kOuts + 3) / 4 * 4];
      DND_UNROLL
      for (int out = 0; out < kOuts; out += 4) {
        const float4 part = *reinterpret_cast<const float4*>(weights + (tap + i) * tap_pitch + out);
        w[out] = part.x;
        w[out + 1] = part.y;
        w[out + 2] = part.z;
        w[out + 3] = part.w;
      }
      DND_UNROLL
      for (int column = 0; column < 4; ++column) {
        DND_UNROLL
        for (int out = 0; out < kOuts; ++out) sums[column][out] += window[i + column] * w[out];
      }
    }
    four = next;
  }
}

template <int kOuts>
__global__ void __launch_bounds__(32 * DirectTile::kMostWarps, 2) direct_convolution_kernel(Arguments a) {
  const Geometry& g = a.geometry;
  const Block block(a);
  const int warp = static_cast<int>(thread_index().x / 32), lane = static_cast<int>(lane_index());
  const int out_group = warp % a.tile.out_groups, warp_row = warp / a.tile.out_groups * a.tile.warp_rows();
  const int row = warp_row + lane / a.tile.lane_columns, column = lane % a.tile.lane_columns * DirectTile::kColumns;
  // Of the warp, so that its lanes stay together. Other lines of the block may reach further.
  const int warp_first = block.row + warp_row;
  const bool busy = warp_first < g.rows && block.out + out_group * kOuts < g.out_channels;
  const Taps lines(g.rows, g.kernel, busy ? warp_first : 0, a.tile.warp_rows());
  const Taps block_lines(g.rows, g.kernel, block.row, a.tile.rows());
  float* shared = shared_memory<float>();

  Sums<kOuts> total = {};
  const int channels = static_cast<int>(g.channels);
  for (int channel = 0; channel < channels; channel += a.tile.channels) {
    for (int tap_row = block_lines.begin; tap_row < block_lines.end; tap_row += a.tile.tap_rows) {
      Stage stage{.channel = channel,
                  .tap_row = tap_row,
                  .channels = std::min(a.tile.channels, channels - channel),
                  .tap_rows = std::min(a.tile.tap_rows, block_lines.end - tap_row),
                  .taps = Taps(g.columns, g.kernel, block.column, a.tile.columns()),
                  .patch_rows = 0};
      stage.patch_rows = a.tile.rows() + stage.tap_rows - 1;
      const int taps = stage.taps.size();
      float* weights = shared + stage.channels * stage.patch_rows * a.tile.pitch;
      fetch_patch(a, block, stage, shared);
      fetch_weights(a, block, stage, weights);
      block_barrier();
      const int begin = std::max(0, lines.begin - tap_row);
      const int end = busy ? std::min(stage.tap_rows, lines.end - tap_row) : 0;
      Sums<kOuts> sums = {};
      for (int i = 0; i < stage.channels; ++i) {
        for (int tap_line = begin; tap_line < end; ++tap_line) {
          add_line<kOuts>(
              sums, shared + (i * stage.patch_rows + row + tap_line) * a.tile.pitch + column,
              weights + (i * stage.tap_rows + tap_line) * taps * a.tile.tap_pitch() + out_group * a.tile.outs_pitch(),
              taps, a.tile.tap_pitch());
        }
      }
      DND_UNROLL
      for (int i = 0; i < DirectTile::kColumns; ++i) {
        DND_UNROLL
        for (int out = 0; out < kOuts; ++out) total[i][out] += sums[i][out];
      }
      block_barrier();
    }
  }

  if (block.row + row >= g.rows) return;
  DND_UNROLL
  for (int out = 0; out < kOuts; ++out) {
    const int of_all = block.out + out_group * kOuts + out;
    DND_UNROLL
    for (int i = 0; i < DirectTile::kColumns; ++i) {
      if (of_all < g.out_channels && block.column + column + i < g.columns) {
        store(a, block.batch, of_all, block.row + row, block.column + column + i, total[i][out]);
      }
    }
  }
}

constexpr void (*kKernels[])(Arguments) = {direct_convolution_kernel<1>, direct_convolution_kernel<2>,
                                           direct_convolution_kernel<3>, direct_convolution_kernel<4>,
                                           direct_convolution_kernel<5>, direct_convolution_kernel<6>,
                                           direct_convolution_kernel<7>, direct_convolution_kernel<8>};
static_assert(sizeof(kKernels) / sizeof(kKernels[0]) == DirectTile::kMostOuts);

Arguments arguments_of(const Geometry& geometry, const DndConvolution& convolution, const DndConvolutionOperands& o) {
  const Geometry::Strides& x = geometry.x;
  Arguments a{};
  a.geometry = geometry;
  a.epilogue = convolution.epilogue;
  a.fastest = x.channel < x.row && x.channel < x.column ? kChannel : x.row < x.column ? kRow : kColumn;
  a.x = o.x;
  a.mean_rstd = convolution.normalised != 0 ? o.mean_rstd : nullptr;
  a.norm_weight = o.norm_weight;
  a.norm_bias = o.norm_bias;
  a.weight = static_cast<const float*>(o.weight);
  a.addend = o.addend;
  a.bias = o.bias;
  a.y = o.y;
  return a;
}

}  // namespace

void launch_direct_convolution(runtime::Stream stream, const DndConvolution& convolution,
                               const DndConvolutionOperands& operands) {
  Geometry geometry = convolution_geometry(convolution);
  DirectTile tile = choose_direct_tile(geometry);
  const DirectTile other = choose_direct_tile(exchanged(geometry));
  if (other.outs > 0 && (tile.outs == 0 || other.cost < tile.cost)) {
    geometry = exchanged(geometry);
    tile = other;
  }
  const int64_t longest = std::max({geometry.channels, geometry.out_channels, geometry.rows, geometry.columns});
  if (tile.outs == 0 || longest > INT32_MAX / 2) return launch_direct_convolution_naive(stream, convolution, operands);

  Arguments a = arguments_of(geometry, convolution, operands);
  a.tile = tile;
  const int64_t blocks = geometry.batch * divide_up(geometry.out_channels, tile.block_outs()) *
                         divide_up(geometry.rows, tile.rows()) * divide_up(geometry.columns, tile.columns());
  const int64_t taps = most_taps_inside(geometry.columns, geometry.kernel);
  launch(stream, "direct_convolution", kKernels[tile.outs - 1], grid_of(blocks, "direct_convolution"), tile.threads(),
         tile.channels * tile.stage_floats(tile.tap_rows, taps) * sizeof(float), a);
}

void launch_direct_convolution_naive(runtime::Stream stream, const DndConvolution& convolution,
                                     const DndConvolutionOperands& operands) {
  constexpr unsigned kBlock = 64;
  const Geometry g = convolution_geometry(convolution);
  const int64_t elements = g.batch * g.out_channels * g.rows * g.columns;
  launch(stream, "direct_convolution_naive", direct_convolution_naive_kernel,
         grid_of(divide_up(elements, kBlock), "direct_convolution_naive"), kBlock, 0,
         arguments_of(g, convolution, operands));
}

}  // namespace dnd::cuda
