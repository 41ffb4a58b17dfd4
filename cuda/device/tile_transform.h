#pragma once

#include "cuda/device/element.h"
#include "cuda/device/fft.h"
#include "cuda/kernels/tile_panel.h"

/// The four passes of a block over its panel, each thread one channel of a pair of lines or of a column. A barrier
/// belongs between any two of them.
///
/// Two real lines make one complex line. Of a line's spectrum the panel holds the real part of column h at point h and
/// the imaginary part at point points/2 + h; columns 0 and points/2, which are real, lie at points 0 and points/2, and
/// are one complex column of the full axis.
namespace dnd::cuda {

/// A thread's channel and its pair of lines or column.
struct PanelThread {
  int channel, index;
};
__device__ __forceinline__ PanelThread panel_thread() {
  const int thread = static_cast<int>(thread_index().x);
  return {thread % kPanelChannels, thread / kPanelChannels};
}

/// One of a panel's lines for a channel; `at(a)` is the word of the halved axis' point a.
struct PanelLine {
  float* line;
  int key;

  __device__ __forceinline__ PanelLine(float* panel, int pitch, int full, int channel)
      : line(panel + full * pitch), key(channel ^ full >> 1) {}
  __device__ __forceinline__ float& at(int halved) const { return line[halved * kPanelChannels + (key ^ halved >> 1)]; }
};

/// Transforms lines along the halved axis, those of points [begin, end) of the full axis; the others must be zero.
/// Numbers are multiplied by `factor`.
template <int kPoints>
__device__ __forceinline__ void forward_lines(float* panel, int points_full, int begin, int end, float factor) {
  constexpr int kHalf = kPoints / 2, kPitch = panel_pitch(kPoints);
  const auto [channel, pair] = panel_thread();
  if (2 * pair >= points_full || 2 * pair >= end || 2 * pair + 1 < begin) return;
  const PanelLine first(panel, kPitch, pair_first(pair), channel), second(panel, kPitch, pair_second(pair), channel);
  float re[kPoints], im[kPoints];
  unrolled<0, kPoints>([&](auto point) {
    constexpr int a = decltype(point)::value;
    re[a] = first.at(a), im[a] = second.at(a);
  });
  fft<kPoints>(re, im);
  first.at(0) = re[0] * factor, second.at(0) = im[0] * factor;
  first.at(kHalf) = re[kHalf] * factor, second.at(kHalf) = im[kHalf] * factor;
  const float half_factor = 0.5f * factor;
  unrolled<1, kHalf>([&](auto frequency) {
    constexpr int f = decltype(frequency)::value, kMirror = kPoints - f;
    first.at(f) = (re[f] + re[kMirror]) * half_factor;
    first.at(kHalf + f) = (im[f] - im[kMirror]) * half_factor;
    second.at(f) = (im[f] + im[kMirror]) * half_factor;
    second.at(kHalf + f) = (re[kMirror] - re[f]) * half_factor;
  });
}

/// Transforms columns along the full axis and passes each frequency to its place: `out` is a spectrum's
/// [frequency][re, im] for the thread's channel, with `frequency_stride` and `imaginary_stride` between them.
template <int kPoints, typename Element>
__device__ __forceinline__ void forward_columns(const float* panel, int points_halved, Element* out,
                                                int64_t frequency_stride, int64_t imaginary_stride) {
  constexpr int kHalf = kPoints / 2;
  const auto [channel, column] = panel_thread();
  const int half = points_halved / 2;
  const int pitch = panel_pitch(points_halved);
  const int real_key = channel ^ column >> 1, imaginary_key = channel ^ (half + column) >> 1;
  const float* real = panel + column * kPanelChannels;
  float re[kPoints], im[kPoints];
  unrolled<0, kPoints>([&](auto point) {
    constexpr int b = decltype(point)::value;
    re[b] = real[b * pitch + (real_key ^ b >> 1)];
    im[b] = real[b * pitch + half * kPanelChannels + (imaginary_key ^ b >> 1)];
  });
  fft<kPoints>(re, im);
  const auto put = [&](float real_part, float imaginary_part) {
    out[0] = to_element<Element>(real_part);
    out[imaginary_stride] = to_element<Element>(imaginary_part);
    out += frequency_stride;
  };
  if (column != 0) {
    out += (kPoints + 2 + (column - 1) * kPoints) * frequency_stride;
    unrolled<0, kPoints>([&](auto row) { put(re[decltype(row)::value], im[decltype(row)::value]); });
    return;
  }
  put(re[0], 0.0f);
  unrolled<1, kHalf>([&](auto row) {
    constexpr int f = decltype(row)::value, kMirror = kPoints - f;
    put((re[f] + re[kMirror]) * 0.5f, (im[f] - im[kMirror]) * 0.5f);
  });
  put(re[kHalf], 0.0f);
  put(im[0], 0.0f);
  unrolled<1, kHalf>([&](auto row) {
    constexpr int f = decltype(row)::value, kMirror = kPoints - f;
    put((im[f] + im[kMirror]) * 0.5f, (re[kMirror] - re[f]) * 0.5f);
  });
  put(im[kHalf], 0.0f);
}

/// Takes columns from a spectrum, `in` as `out` above, and puts their inverse transform, times kPoints, into the panel.
template <int kPoints>
__device__ __forceinline__ void inverse_columns(float* panel, int points_halved, const float* in,
                                                int64_t frequency_stride, int64_t imaginary_stride) {
  constexpr int kHalf = kPoints / 2;
  const auto [channel, column] = panel_thread();
  float re[kPoints], im[kPoints];
  if (column != 0) {
    in += (kPoints + 2 + (column - 1) * kPoints) * frequency_stride;
    unrolled<0, kPoints>([&](auto row) {
      constexpr int f = decltype(row)::value;
      re[f] = in[0], im[f] = in[imaginary_stride];
      in += frequency_stride;
    });
  } else {  // the two real columns as one: what is imaginary in the second is subtracted from the real part
    const float* last = in + (kHalf + 1) * frequency_stride;
    re[0] = in[0], im[0] = last[0];
    unrolled<1, kHalf>([&](auto row) {
      constexpr int f = decltype(row)::value, kMirror = kPoints - f;
      in += frequency_stride, last += frequency_stride;
      const float first_re = in[0], first_im = in[imaginary_stride];
      const float last_re = last[0], last_im = last[imaginary_stride];
      re[f] = first_re - last_im, im[f] = first_im + last_re;
      re[kMirror] = first_re + last_im, im[kMirror] = last_re - first_im;
    });
    in += frequency_stride, last += frequency_stride;
    re[kHalf] = in[0], im[kHalf] = last[0];
  }
  fft<kPoints>(im, re);
  const int half = points_halved / 2;
  const int pitch = panel_pitch(points_halved);
  const int real_key = channel ^ column >> 1, imaginary_key = channel ^ (half + column) >> 1;
  float* real = panel + column * kPanelChannels;
  unrolled<0, kPoints>([&](auto point) {
    constexpr int b = decltype(point)::value;
    real[b * pitch + (real_key ^ b >> 1)] = re[b];
    real[b * pitch + half * kPanelChannels + (imaginary_key ^ b >> 1)] = im[b];
  });
}

/// Transforms lines back into real ones, times kPoints, those of points [begin, end) of the full axis at least. Numbers
/// are multiplied by both factors, one after the other.
template <int kPoints>
__device__ __forceinline__ void inverse_lines(float* panel, int points_full, int begin, int end, float factor,
                                              float second_factor) {
  constexpr int kHalf = kPoints / 2, kPitch = panel_pitch(kPoints);
  const auto [channel, pair] = panel_thread();
  if (2 * pair >= points_full || 2 * pair >= end || 2 * pair + 1 < begin) return;
  const PanelLine first(panel, kPitch, pair_first(pair), channel), second(panel, kPitch, pair_second(pair), channel);
  float re[kPoints], im[kPoints];
  re[0] = first.at(0), im[0] = second.at(0);
  re[kHalf] = first.at(kHalf), im[kHalf] = second.at(kHalf);
  unrolled<1, kHalf>([&](auto frequency) {
    constexpr int f = decltype(frequency)::value, kMirror = kPoints - f;
    const float first_re = first.at(f), first_im = first.at(kHalf + f);
    const float second_re = second.at(f), second_im = second.at(kHalf + f);
    re[f] = first_re - second_im, im[f] = first_im + second_re;
    re[kMirror] = first_re + second_im, im[kMirror] = second_re - first_im;
  });
  fft<kPoints>(im, re);
  unrolled<0, kPoints>([&](auto point) {
    constexpr int a = decltype(point)::value;
    first.at(a) = re[a] * factor * second_factor, second.at(a) = im[a] * factor * second_factor;
  });
}

/// visit(Constant<points>()) for one of kCudaTransformSizes, the same in all threads of a block.
template <typename Visit>
__device__ __forceinline__ void with_points(int points, Visit&& visit) {
  switch (points) {
    case 14: return visit(Constant<14>());
    case 16: return visit(Constant<16>());
    case 24: return visit(Constant<24>());
    case 32: return visit(Constant<32>());
  }
}

}  // namespace dnd::cuda
