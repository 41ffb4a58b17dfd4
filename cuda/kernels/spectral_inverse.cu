#include <cmath>

#include "core/integers.h"
#include "cuda/device/naive_fourier.h"
#include "cuda/kernels/spectral_inverse.h"
#include "cuda/kernels/stored_spectrum.h"
#include "cuda/kernels/tile_checks.h"
#include "cuda/kernels/tile_frame.h"
#include "cuda/kernels/tile_transform.h"
#include "cuda/kernels/tile_walk.h"
#include "toolkit/launch.h"

namespace dnd::cuda {
namespace {

template <DndEpilogue kEpilogue>
__device__ __forceinline__ float finished(float c, float addend, float bias) {
  if constexpr (kEpilogue == kDndMergePaths) return (addend + tanhf(c) + bias) * (1.0f / 3.0f);
  if constexpr (kEpilogue == kDndTokenBias) return c + bias + addend;
  return c;
}

__global__ void spectral_inverse_naive_kernel(SpectralInverse p) {
  const Geometry& g = p.geometry;
  const TileAxis &full = p.tiling.full, &halved = p.tiling.halved;
  const int points_full = static_cast<int>(full.points), points_halved = static_cast<int>(halved.points);
  const int64_t number = int64_t{block_index().x} * block_size().x + thread_index().x;
  const int64_t along_halved = number % halved.valid(), along_full = number / halved.valid() % full.valid();
  const int64_t out = number / halved.valid() / full.valid() % p.outs;
  const int64_t tile = number / halved.valid() / full.valid() / p.outs;
  const int64_t of_batch = p.first_tile + tile, task = of_batch / p.tiling.plane_tiles();
  const int64_t full_tile = of_batch % full.tiles(), halved_tile = of_batch / full.tiles() % halved.tiles();
  if (tile >= p.tiles || along_full >= full.output_count(full_tile) ||
      along_halved >= halved.output_count(halved_tile)) {
    return;
  }

  const int point_full = static_cast<int>(full.output_point() + along_full);
  const int point_halved = static_cast<int>(halved.output_point() + along_halved);
  double sum = 0;
  for (int f = 0; f < frequency_count(points_full, points_halved); ++f) {
    const FrequencyPlace place = frequency_place(points_full, points_halved, f);
    const float* at = p.product + (2 * int64_t{f} * p.tiles + tile) * p.product_pitch + out;
    const Twiddle twiddle =
        naive_twiddle(point_full * place.row, points_full, point_halved * place.column, points_halved);
    const double real = at[0] * twiddle.cosine - at[p.tiles * p.product_pitch] * twiddle.sine;
    sum += frequency_multiplicity(points_full, points_halved, place) * real;
  }
  const double scale =
      (p.scales == nullptr ? 1.0 : p.scales[task]) * (p.weight_scale == nullptr ? 1.0 : *p.weight_scale);
  const float c = static_cast<float>(sum / (scale * sqrt(double(points_full) * points_halved)));

  const int64_t to_full = full.output_begin(full_tile) + along_full;
  const int64_t to_halved = halved.output_begin(halved_tile) + along_halved;
  const int64_t row = p.tiling.halved_is_rows ? to_halved : to_full;
  const int64_t column = p.tiling.halved_is_rows ? to_full : to_halved;
  const auto at = [&](const Geometry::Strides& strides) {
    return task * strides.batch + (p.first_out + out) * strides.channel + row * strides.row + column * strides.column;
  };
  const float addend = p.addend == nullptr ? 0 : p.addend[at(g.y)], bias = p.bias == nullptr ? 0 : p.bias[at(g.bias)];
  float* y = p.y + at(g.y);
  switch (p.epilogue) {
    case kDndStore: *y = finished<kDndStore>(c, addend, bias); break;
    case kDndMergePaths: *y = finished<kDndMergePaths>(c, addend, bias); break;
    case kDndTokenBias: *y = finished<kDndTokenBias>(c, addend, bias); break;
    case kDndAdd: break;  // refused by cuda/host/choice.cc
  }
}

struct Arguments {
  TileFrame frame;
  FrameStrides y_strides, bias_strides;
  DndEpilogue epilogue;
  const float *product, *scales, *weight_scale, *addend, *bias;
  float* y;
  int64_t first_out;
  unsigned first_tile, tiles, groups;  // groups of 16 channels
  int outs, product_pitch;
  float factor;
};

/// The tile's outputs from the panel, through the epilogue.
template <DndEpilogue kEpilogue>
__device__ __forceinline__ void scatter(const Arguments& p, const TilePlace& place, int first_channel, int channels,
                                        float* panel) {
  const bool with_addend = kEpilogue != kDndStore && p.addend != nullptr;
  const SpatialAxis &inner = p.frame.inner(), &cross = p.frame.cross();
  const unsigned inner_tile = p.frame.inner_tile(place), cross_tile = p.frame.cross_tile(place);
  const unsigned count = inner.output_count(inner_tile);
  const int first = inner.lead & ~1, end = inner.lead + static_cast<int>(count);
  const int cross_begin = cross.output_begin(cross_tile);
  const int64_t task =
      place.task * p.y_strides.batch + (inner.output_begin(inner_tile) - inner.lead + first) * p.y_strides.inner;
  walk_lines(p.frame, channels, cross.output_count(cross_tile), [&](int channel_here, int cross_point) {
    const int64_t channel = p.first_out + first_channel + channel_here;
    const int across = cross_begin + cross_point;
    const PanelWalk walk(panel, p.frame, cross.lead + cross_point, channel_here);
    const int64_t at = task + channel * p.y_strides.channel + across * p.y_strides.cross;
    StridedInput addend((with_addend ? p.addend : p.y) + at, p.y_strides.inner);
    StridedOutput<float> y(p.y + at, p.y_strides.inner);
    float bias = 0;
    if constexpr (kEpilogue != kDndStore) {
      bias = p.bias[channel * p.bias_strides.channel + across * p.bias_strides.cross];
    }
    for (int begin = first; begin < end; begin += kLineBatch) {
      const unsigned after_first = begin - inner.lead;
      float addends[kLineBatch] = {};
      if constexpr (kEpilogue != kDndStore) {
        unrolled<0, kLineBatch>([&](auto index) {
          constexpr int i = decltype(index)::value;
          addends[i] = addend.take_if(with_addend && after_first + i < count);
        });
      }
      unrolled<0, kLineBatch>([&](auto index) {
        constexpr int i = decltype(index)::value;
        const bool here = after_first + i < count;
        y.put_if(here, here ? finished<kEpilogue>(walk.at<i>(begin), addends[i], bias) : 0);
      });
    }
  });
}

__global__ void __launch_bounds__(256, 2) spectral_inverse_kernel(Arguments p) {
  float* panel = shared_memory<float>();
  const int points_full = p.frame.full.points, points_halved = p.frame.halved.points;
  const unsigned tile = block_index().x / p.groups;
  const int first_channel = static_cast<int>(block_index().x % p.groups) * kPanelChannels;
  const int rest = p.outs - first_channel, channels = rest < kPanelChannels ? rest : kPanelChannels;
  const TilePlace place = p.frame.place(p.first_tile + tile);

  const auto [channel, column] = panel_thread();
  if (2 * column < points_halved && channel < channels) {
    const int64_t stride = int64_t{p.tiles} * p.product_pitch;
    const float* in = p.product + int64_t{tile} * p.product_pitch + first_channel + channel;
    with_points(points_full, [&](auto points) {
      inverse_columns<decltype(points)::value>(panel, p.frame.pitch, points_halved, in, stride);
    });
  }
  block_barrier();

  const int line = 2 * panel_thread().index, first_line = p.frame.full.lead;
  if (channel < channels && line + 1 >= first_line && line < first_line + p.frame.full.output_count(place.full)) {
    // The larger scale first: the intermediate value is between the input and the result, whose magnitudes floats have.
    const float scale = p.scales == nullptr ? 1 : p.scales[place.task];
    const float weight_scale = p.weight_scale == nullptr ? 1 : *p.weight_scale;
    const float factor = p.factor / fmaxf(scale, weight_scale), second_factor = 1 / fminf(scale, weight_scale);
    with_points(points_halved,
                [&](auto points) { inverse_lines<decltype(points)::value>(panel, factor, second_factor); });
  }
  block_barrier();

  switch (p.epilogue) {
    case kDndStore: return scatter<kDndStore>(p, place, first_channel, channels, panel);
    case kDndMergePaths: return scatter<kDndMergePaths>(p, place, first_channel, channels, panel);
    case kDndTokenBias: return scatter<kDndTokenBias>(p, place, first_channel, channels, panel);
    case kDndAdd: break;
  }
}

}  // namespace

void spectral_inverse(runtime::Stream stream, const SpectralInverse& p) {
  check_tiling("spectral_inverse", p.tiling, p.first_tile + p.tiles);
  const Geometry& g = p.geometry;
  const int64_t groups = divide_up(p.outs, kPanelChannels);
  Arguments arguments{};
  arguments.frame = tile_frame(p.tiling, channels_side_by_side(g));
  arguments.y_strides = frame_strides(g, g.y);
  arguments.bias_strides = frame_strides(g, g.bias);
  arguments.epilogue = p.epilogue;
  arguments.product = p.product, arguments.scales = p.scales, arguments.weight_scale = p.weight_scale;
  if (p.epilogue != kDndStore) arguments.addend = p.addend, arguments.bias = p.bias;
  arguments.y = p.y;
  arguments.first_out = p.first_out;
  arguments.first_tile = static_cast<unsigned>(p.first_tile), arguments.tiles = static_cast<unsigned>(p.tiles);
  arguments.groups = static_cast<unsigned>(groups);
  arguments.outs = static_cast<int>(p.outs), arguments.product_pitch = static_cast<int>(p.product_pitch);
  const int64_t points_full = p.tiling.full.points, points_halved = p.tiling.halved.points;
  arguments.factor = static_cast<float>(1 / std::sqrt(static_cast<double>(points_full * points_halved)));
  launch(stream, "spectral_inverse", spectral_inverse_kernel, {check_blocks("spectral_inverse", p.tiles * groups)},
         panel_threads(static_cast<int>(points_full), static_cast<int>(points_halved)), panel_bytes(arguments.frame),
         arguments);
}

void spectral_inverse_naive(runtime::Stream stream, const SpectralInverse& p) {
  const int64_t numbers = p.tiles * p.outs * p.tiling.full.valid() * p.tiling.halved.valid();
  launch(stream, "spectral_inverse_naive", spectral_inverse_naive_kernel,
         {check_blocks("spectral_inverse_naive", divide_up(numbers, 128))}, 128, 0, p);
}

}  // namespace dnd::cuda
