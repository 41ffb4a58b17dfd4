#include <cmath>

#include "core/integers.h"
#include "cuda/device/element.h"
#include "cuda/device/naive_fourier.h"
#include "cuda/device/normalised.h"
#include "cuda/kernels/spectral_forward.h"
#include "cuda/kernels/stored_spectrum.h"
#include "cuda/kernels/tile_checks.h"
#include "cuda/kernels/tile_frame.h"
#include "cuda/kernels/tile_transform.h"
#include "cuda/kernels/tile_walk.h"
#include "toolkit/launch.h"

namespace dnd::cuda {
namespace {

template <typename Element>
__global__ void spectral_forward_naive_kernel(SpectralForward<Element> p) {
  const Geometry& g = p.geometry;
  const TileAxis &full = p.tiling.full, &halved = p.tiling.halved;
  const int points_full = static_cast<int>(full.points), points_halved = static_cast<int>(halved.points);
  const int64_t pitch = cuda_channel_pitch(g.channels);
  const int64_t number = int64_t{block_index().x} * block_size().x + thread_index().x;
  const int64_t channel = number % pitch, tile = number / pitch % p.tiles;
  const int frequency = static_cast<int>(number / pitch / p.tiles);
  if (frequency >= frequency_count(points_full, points_halved)) return;

  const FrequencyPlace place = frequency_place(points_full, points_halved, frequency);
  const int64_t of_batch = p.first_tile + tile, task = of_batch / p.tiling.plane_tiles();
  const int64_t full_tile = of_batch % full.tiles(), halved_tile = of_batch / full.tiles() % halved.tiles();
  double re = 0, im = 0;
  for (int a = 0; a < points_full && channel < g.channels; ++a) {
    for (int b = 0; b < points_halved; ++b) {
      const int64_t along_full = full.input_begin(full_tile) + a, along_halved = halved.input_begin(halved_tile) + b;
      if (along_full < 0 || along_full >= full.size || along_halved < 0 || along_halved >= halved.size) continue;
      const int64_t row = p.tiling.halved_is_rows ? along_halved : along_full;
      const int64_t column = p.tiling.halved_is_rows ? along_full : along_halved;
      const auto at = [=](const Geometry::Strides& strides) {
        return task * strides.batch + channel * strides.channel + row * strides.row + column * strides.column;
      };
      float value = p.x[at(g.x)];
      if (p.mean_rstd != nullptr) {
        const float* mean_rstd = p.mean_rstd + at(g.mean_rstd);
        value = normalised(value, mean_rstd[0], mean_rstd[1], mean_rstd[2], p.norm_weight[at(g.norm)],
                           p.norm_bias[at(g.norm)]);
      }
      const Twiddle twiddle = naive_twiddle(a * place.row, points_full, b * place.column, points_halved);
      re += value * twiddle.cosine, im -= value * twiddle.sine;
    }
  }
  const double scale = (p.scales == nullptr ? 1 : p.scales[task]) / sqrt(double(points_full) * points_halved);
  Element* out = p.spectra + (2 * int64_t{frequency} * p.tiles + tile) * pitch + channel;
  out[0] = to_element<Element>(static_cast<float>(re * scale));
  out[p.tiles * pitch] = to_element<Element>(static_cast<float>(im * scale));
}

template <typename Element>
struct Arguments {
  TileFrame frame;
  FrameStrides x_strides, norm_strides, mean_rstd_strides;
  const float *x, *mean_rstd, *norm_weight, *norm_bias, *scales;
  Element* spectra;
  unsigned first_tile, tiles, groups;  // groups of 16 channels
  int channels, pitch;
  float factor;
};

/// The tile's numbers to the panel, zeros outside of the plane and above the channels.
template <bool kNormalised, typename Element>
__device__ __forceinline__ void gather(const Arguments<Element>& p, const TilePlace& place, int first_channel,
                                       float* panel, const float4* mean_rstd) {
  const SpatialAxis &inner = p.frame.inner(), &cross = p.frame.cross();
  const unsigned inner_tile = p.frame.inner_tile(place);
  const int first = inner.input_first(inner_tile), count = inner.input_end(inner_tile) - first;
  const int cross_begin = cross.input_begin(p.frame.cross_tile(place));
  const int64_t task = place.task * p.x_strides.batch + inner.input_begin(inner_tile) * p.x_strides.inner;
  walk_lines(p.frame, kPanelChannels, cross.points, [&](int channel_here, int cross_point) {
    const int channel = first_channel + channel_here, across = cross_begin + cross_point;
    const bool inside = channel < p.channels && across >= 0 && across < cross.size;
    const unsigned here = inside ? count : 0;
    const PanelWalk walk(panel, p.frame, cross_point, channel_here);
    StridedInput line(p.x + task + channel * p.x_strides.channel + across * p.x_strides.cross, p.x_strides.inner);
    float weight = 0, bias = 0;
    if constexpr (kNormalised) {
      const int64_t at = channel * p.norm_strides.channel + across * p.norm_strides.cross;
      if (inside) weight = p.norm_weight[at], bias = p.norm_bias[at];
    }
    for (int begin = 0; begin < inner.points; begin += kLineBatch) {
      float values[kLineBatch];
      const unsigned after_first = begin - first;
      unrolled<0, kLineBatch>([&](auto index) {
        constexpr int i = decltype(index)::value;
        values[i] = line.take_if(after_first + i < here);
      });
      if constexpr (kNormalised) {
        unrolled<0, kLineBatch>([&](auto index) {
          constexpr int i = decltype(index)::value;
          if (after_first + i >= here) return;
          const float4 m = mean_rstd[begin + i];
          values[i] = normalised(values[i], m.x, m.y, m.z, weight, bias);
        });
      }
      unrolled<0, kLineBatch>([&](auto index) {
        constexpr int i = decltype(index)::value;
        if (begin + i < inner.points) walk.at<i>(begin) = values[i];
      });
    }
  });
}

template <typename Element>
__global__ void __launch_bounds__(256, 2) spectral_forward_kernel(Arguments<Element> p) {
  float* panel = shared_memory<float>();
  const int points_full = p.frame.full.points, points_halved = p.frame.halved.points;
  const unsigned tile = block_index().x / p.groups;
  const int first_channel = static_cast<int>(block_index().x % p.groups) * kPanelChannels;
  const TilePlace place = p.frame.place(p.first_tile + tile);

  if (p.mean_rstd != nullptr) {
    float4* mean_rstd = reinterpret_cast<float4*>(panel + panel_floats(points_full, points_halved));
    const SpatialAxis& inner = p.frame.inner();
    const int point = static_cast<int>(thread_index().x), along = inner.input_begin(p.frame.inner_tile(place)) + point;
    if (point < inner.points && along >= 0 && along < inner.size) {
      const float* from = p.mean_rstd + place.task * p.mean_rstd_strides.batch + along * p.mean_rstd_strides.inner;
      mean_rstd[point] = make_float4(from[0], from[1], from[2], 0);
    }
    block_barrier();
    gather<true>(p, place, first_channel, panel, mean_rstd);
  } else {
    gather<false>(p, place, first_channel, panel, nullptr);
  }
  block_barrier();

  const float factor = p.scales == nullptr ? p.factor : p.factor * p.scales[place.task];
  const int line = 2 * panel_thread().index;
  if (line + 1 >= p.frame.full.input_first(place.full) && line < p.frame.full.input_end(place.full)) {
    with_points(points_halved, [&](auto points) { forward_lines<decltype(points)::value>(panel, factor); });
  }
  block_barrier();

  const auto [channel, column] = panel_thread();
  if (2 * column >= points_halved || first_channel + channel >= p.pitch) return;
  const int64_t stride = int64_t{p.tiles} * p.pitch;
  Element* out = p.spectra + int64_t{tile} * p.pitch + first_channel + channel;
  with_points(points_full, [&](auto points) {
    forward_columns<decltype(points)::value>(panel, p.frame.pitch, points_halved, out, stride);
  });
}

}  // namespace

template <typename Element>
void spectral_forward(runtime::Stream stream, const SpectralForward<Element>& p) {
  check_tiling("spectral_forward", p.tiling, p.first_tile + p.tiles);
  const Geometry& g = p.geometry;
  const int64_t pitch = cuda_channel_pitch(g.channels), groups = divide_up(pitch, kPanelChannels);
  Arguments<Element> arguments{};
  arguments.frame = tile_frame(p.tiling, channels_side_by_side(g));
  arguments.x_strides = frame_strides(g, g.x);
  arguments.norm_strides = frame_strides(g, g.norm);
  arguments.mean_rstd_strides = frame_strides(g, g.mean_rstd);
  arguments.x = p.x, arguments.mean_rstd = p.mean_rstd;
  arguments.norm_weight = p.norm_weight, arguments.norm_bias = p.norm_bias;
  arguments.scales = p.scales, arguments.spectra = p.spectra;
  arguments.first_tile = static_cast<unsigned>(p.first_tile), arguments.tiles = static_cast<unsigned>(p.tiles);
  arguments.groups = static_cast<unsigned>(groups);
  arguments.channels = static_cast<int>(g.channels), arguments.pitch = static_cast<int>(pitch);
  const int64_t points_full = p.tiling.full.points, points_halved = p.tiling.halved.points;
  arguments.factor = static_cast<float>(1 / std::sqrt(static_cast<double>(points_full * points_halved)));
  launch(stream, "spectral_forward", spectral_forward_kernel<Element>,
         {check_blocks("spectral_forward", p.tiles * groups)},
         panel_threads(static_cast<int>(points_full), static_cast<int>(points_halved)),
         panel_bytes(arguments.frame) + kMeanRstdBytes, arguments);
}

template <typename Element>
void spectral_forward_naive(runtime::Stream stream, const SpectralForward<Element>& p) {
  const int64_t numbers = p.tiling.frequencies() * p.tiles * cuda_channel_pitch(p.geometry.channels);
  launch(stream, "spectral_forward_naive", spectral_forward_naive_kernel<Element>,
         {check_blocks("spectral_forward_naive", divide_up(numbers, 128))}, 128, 0, p);
}

template void spectral_forward(runtime::Stream, const SpectralForward<Half>&);
template void spectral_forward(runtime::Stream, const SpectralForward<float>&);
template void spectral_forward_naive(runtime::Stream, const SpectralForward<Half>&);
template void spectral_forward_naive(runtime::Stream, const SpectralForward<float>&);

}  // namespace dnd::cuda
