#include "core/integers.h"
#include "cuda/device/element.h"
#include "cuda/device/naive_fourier.h"
#include "cuda/kernels/spectral_weights.h"
#include "cuda/kernels/stored_spectrum.h"
#include "cuda/kernels/tile_checks.h"
#include "cuda/kernels/tile_frame.h"
#include "cuda/kernels/tile_transform.h"
#include "cuda/kernels/tile_walk.h"
#include "toolkit/launch.h"

namespace dnd::cuda {
namespace {

template <typename Element>
__global__ void spectral_weights_naive_kernel(SpectralWeights<Element> p) {
  const Geometry& g = p.geometry;
  const int points_full = static_cast<int>(p.tiling.full.points);
  const int points_halved = static_cast<int>(p.tiling.halved.points);
  const int64_t pitch = cuda_channel_pitch(g.channels);
  const int64_t number = int64_t{block_index().x} * block_size().x + thread_index().x;
  const int64_t channel = number % pitch, out = number / pitch % p.outs;
  const int frequency = static_cast<int>(number / pitch / p.outs);
  if (frequency >= frequency_count(points_full, points_halved)) return;

  const FrequencyPlace place = frequency_place(points_full, points_halved, frequency);
  const int kernel = static_cast<int>(g.kernel), half = kernel / 2;
  const float* taps = p.weight + ((p.first_out + out) * g.channels + channel) * kernel * kernel;
  double re = 0, im = 0;
  for (int i = 0; i < kernel && channel < g.channels; ++i) {
    for (int j = 0; j < kernel; ++j) {
      const int full = (p.tiling.halved_is_rows ? j : i) - half, halved = (p.tiling.halved_is_rows ? i : j) - half;
      const Twiddle twiddle = naive_twiddle(full * place.row, points_full, halved * place.column, points_halved);
      const float value = taps[i * g.tap_row_stride + j * g.tap_column_stride];
      re += value * twiddle.cosine, im += value * twiddle.sine;
    }
  }
  const double scale = p.scale == nullptr ? 1 : *p.scale;
  Element* to = p.spectra + (2 * int64_t{frequency} * p.rows + out) * pitch + channel;
  to[0] = to_element<Element>(static_cast<float>(re * scale));
  to[p.rows * pitch] = to_element<Element>(static_cast<float>(im * scale));
}

template <typename Element>
struct Arguments {
  TileFrame frame;
  const float *weight, *scale;
  Element* spectra;
  int64_t first_out, rows;
  unsigned groups;  // of 16 channels
  int channels, pitch, kernel;
  int inner_stride, cross_stride;  // of taps
};

/// Where an axis' taps are: point p has tap (middle − p) mod points, if the kernel is so long, and those `points`
/// further.
struct TapAxis {
  int points, kernel, middle;

  __device__ __forceinline__ TapAxis(int points, int kernel)
      : points(points), kernel(kernel), middle(kernel / 2 % points) {}
  __device__ __forceinline__ int tap(int point) const { return middle - point + (middle < point ? points : 0); }
  __device__ __forceinline__ bool any(int point) const { return tap(point) < kernel; }
};

/// Taps of an output channel and 16 input channels to the panel, zeros where there are none.
template <typename Element>
__device__ __forceinline__ void gather(const Arguments<Element>& p, const float* weight, int first_channel,
                                       float* panel) {
  const TapAxis inner(p.frame.inner().points, p.kernel), cross(p.frame.cross().points, p.kernel);
  walk_lines(p.frame, kPanelChannels, cross.points, [&](int channel_here, int cross_point) {
    const int channel = first_channel + channel_here, tap = cross.tap(cross_point);
    const int kernel = channel < p.channels && tap < p.kernel ? p.kernel : 0;
    const PanelWalk walk(panel, p.frame, cross_point, channel_here);
    const float* taps = weight + (kernel != 0 ? channel * p.kernel * p.kernel + tap * p.cross_stride : 0);
    for (int begin = 0; begin < inner.points; begin += kLineBatch) {
      float values[kLineBatch];
      unrolled<0, kLineBatch>([&](auto index) {
        constexpr int i = decltype(index)::value;
        const int inner_tap = begin + i < inner.points ? inner.tap(begin + i) : p.kernel;
        values[i] = inner_tap < kernel ? taps[inner_tap * p.inner_stride] : 0;
      });
      unrolled<0, kLineBatch>([&](auto index) {
        constexpr int i = decltype(index)::value;
        if (begin + i < inner.points) walk.at<i>(begin) = values[i];
      });
    }
  });
}

/// As above where several taps meet at a point.
template <typename Element>
__device__ void gather_folded(const Arguments<Element>& p, const float* weight, int first_channel, float* panel) {
  const TapAxis inner(p.frame.inner().points, p.kernel), cross(p.frame.cross().points, p.kernel);
  walk_lines(p.frame, kPanelChannels, cross.points, [&](int channel_here, int cross_point) {
    const int channel = first_channel + channel_here;
    const PanelWalk walk(panel, p.frame, cross_point, channel_here);
    const float* taps = weight + (channel < p.channels ? channel * p.kernel * p.kernel : 0);
    for (int point = 0; point < inner.points; point += 2) {
      unrolled<0, 2>([&](auto index) {
        constexpr int kIndex = decltype(index)::value;
        float sum = 0;
        for (int i = inner.tap(point + kIndex); i < p.kernel && channel < p.channels; i += inner.points) {
          for (int j = cross.tap(cross_point); j < p.kernel; j += cross.points) {
            sum += taps[i * p.inner_stride + j * p.cross_stride];
          }
        }
        walk.at<kIndex>(point) = sum;
      });
    }
  });
}

template <typename Element>
__global__ void __launch_bounds__(256, 2) spectral_weights_kernel(Arguments<Element> p) {
  float* panel = shared_memory<float>();
  const int points_full = p.frame.full.points, points_halved = p.frame.halved.points;
  const unsigned out = block_index().x / p.groups;
  const int first_channel = static_cast<int>(block_index().x % p.groups) * kPanelChannels;

  const float* weight = p.weight + (p.first_out + out) * p.channels * p.kernel * p.kernel;
  if (p.kernel > points_full || p.kernel > points_halved) {
    gather_folded(p, weight, first_channel, panel);
  } else {
    gather(p, weight, first_channel, panel);
  }
  block_barrier();

  const float scale = p.scale == nullptr ? 1 : *p.scale;
  const TapAxis full(points_full, p.kernel);
  const int line = 2 * panel_thread().index;
  if (line < points_full && (full.any(line) || full.any(line + 1))) {  // the other lines are zero
    with_points(points_halved, [&](auto points) { forward_lines<decltype(points)::value>(panel, scale); });
  }
  block_barrier();

  const auto [channel, column] = panel_thread();
  if (2 * column >= points_halved || first_channel + channel >= p.pitch) return;
  const int64_t stride = p.rows * p.pitch;
  Element* to = p.spectra + int64_t{out} * p.pitch + first_channel + channel;
  with_points(points_full, [&](auto points) {
    forward_columns<decltype(points)::value>(panel, p.frame.pitch, points_halved, to, stride);
  });
}

}  // namespace

template <typename Element>
void spectral_weights(runtime::Stream stream, const SpectralWeights<Element>& p) {
  check_tiling("spectral_weights", p.tiling, 0);
  const Geometry& g = p.geometry;
  const int64_t pitch = cuda_channel_pitch(g.channels), groups = divide_up(pitch, kPanelChannels);
  Arguments<Element> arguments{};
  arguments.frame = tile_frame(p.tiling, false);  // taps are adjacent along columns, whatever the plane does
  arguments.weight = p.weight, arguments.scale = p.scale, arguments.spectra = p.spectra;
  arguments.first_out = p.first_out, arguments.rows = p.rows;
  arguments.groups = static_cast<unsigned>(groups);
  arguments.channels = static_cast<int>(g.channels), arguments.pitch = static_cast<int>(pitch);
  arguments.kernel = static_cast<int>(g.kernel);
  arguments.inner_stride = static_cast<int>(g.tap_row_stride);
  arguments.cross_stride = static_cast<int>(g.tap_column_stride);
  launch(stream, "spectral_weights", spectral_weights_kernel<Element>,
         {check_blocks("spectral_weights", p.outs * groups)},
         panel_threads(arguments.frame.full.points, arguments.frame.halved.points), panel_bytes(arguments.frame),
         arguments);
}

template <typename Element>
void spectral_weights_naive(runtime::Stream stream, const SpectralWeights<Element>& p) {
  const int64_t numbers = p.tiling.frequencies() * p.outs * cuda_channel_pitch(p.geometry.channels);
  launch(stream, "spectral_weights_naive", spectral_weights_naive_kernel<Element>,
         {check_blocks("spectral_weights_naive", divide_up(numbers, 128))}, 128, 0, p);
}

template void spectral_weights(runtime::Stream, const SpectralWeights<Half>&);
template void spectral_weights(runtime::Stream, const SpectralWeights<float>&);
template void spectral_weights_naive(runtime::Stream, const SpectralWeights<Half>&);
template void spectral_weights_naive(runtime::Stream, const SpectralWeights<float>&);

}  // namespace dnd::cuda
