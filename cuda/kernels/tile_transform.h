#pragma once

#include "cuda/device/element.h"
#include "cuda/device/fft.h"
#include "cuda/kernels/stored_spectrum.h"
#include "cuda/kernels/tile_panel.h"

/// The four passes of a block over its panel of `pitch` words a line, each thread one channel of a pair of lines or of
/// a column. A barrier belongs between any two of them.
///
/// Two real lines make one complex line. Of a line's spectrum the panel holds the real part of column h at point h and
/// the imaginary part at point points/2 + h; columns 0 and points/2, which are real, are at points 0 and points/2, and
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

/// A channel's numbers along one axis of a panel. Offsets are counted in bytes: a channel's place within its 64 is
/// changed by an exclusive or alone, so that two points share an address, but for constants.
struct PanelOffset {
  char* panel;
  int first;

  __device__ __forceinline__ PanelOffset(float* panel, int pitch, int full, int halved, int channel)
      : panel(reinterpret_cast<char*>(panel)),
        first(static_cast<int>(sizeof(float)) * panel_word(pitch, full, halved, channel)) {}

  /// `point` further along one axis, whose points are `distance` words apart; the first must be point 0 of it.
  __device__ __forceinline__ float& at(int point, int distance) const {
    constexpr int kBytes = sizeof(float);
    return *reinterpret_cast<float*>(panel + (first ^ (point >> 1) * kBytes) + point * distance * kBytes);
  }
};

/// A line along the halved axis.
struct PanelLine : PanelOffset {
  __device__ __forceinline__ PanelLine(float* panel, int pitch, int full, int channel)
      : PanelOffset(panel, pitch, full, 0, channel) {}
  __device__ __forceinline__ float& at(int halved) const { return PanelOffset::at(halved, kPanelChannels); }
};

/// Complex numbers along the full axis, as lines leave them.
struct PanelColumn {
  PanelOffset real, imaginary;
  int pitch;

  __device__ __forceinline__ PanelColumn(float* panel, int pitch, int points_halved, int column, int channel)
      : real(panel, pitch, 0, column, channel),
        imaginary(panel, pitch, 0, points_halved / 2 + column, channel),
        pitch(pitch) {}
  __device__ __forceinline__ float& re(int full) const { return real.at(full, pitch); }
  __device__ __forceinline__ float& im(int full) const { return imaginary.at(full, pitch); }
};

/// Transforms the thread's lines along the halved axis and multiplies them by `factor`. Lines of zeros may be left out.
template <int kPoints>
__device__ __forceinline__ void forward_lines(float* panel, float factor) {
  constexpr int kHalf = kPoints / 2, kPitch = panel_pitch(kPoints);
  const auto [channel, pair] = panel_thread();
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

/// Transforms columns along the full axis and puts each frequency in its place: `out` is a spectrum's [frequency][re,
/// im] for the thread's channel, with `stride` between any two of these numbers.
template <int kPoints, typename Element>
__device__ __forceinline__ void forward_columns(float* panel, int pitch, int points_halved, Element* out,
                                                int64_t stride) {
  constexpr int kHalf = kPoints / 2;
  const auto [channel, column] = panel_thread();
  const PanelColumn from(panel, pitch, points_halved, column, channel);
  float re[kPoints], im[kPoints];
  unrolled<0, kPoints>([&](auto point) {
    constexpr int b = decltype(point)::value;
    re[b] = from.re(b), im[b] = from.im(b);
  });
  fft<kPoints>(re, im);
  if (column != 0) {
    StridedOutput<Element> to(out + 2 * general_column_begin(kPoints, column) * stride, stride);
    unrolled<0, kPoints>([&](auto row) { to.put(re[decltype(row)::value], im[decltype(row)::value]); });
    return;
  }
  StridedOutput<Element> to(out, stride);
  to.put(re[0], 0);
  unrolled<1, kHalf>([&](auto row) {
    constexpr int f = decltype(row)::value, kMirror = kPoints - f;
    to.put((re[f] + re[kMirror]) * 0.5f, (im[f] - im[kMirror]) * 0.5f);
  });
  to.put(re[kHalf], 0);
  to.put(im[0], 0);
  unrolled<1, kHalf>([&](auto row) {
    constexpr int f = decltype(row)::value, kMirror = kPoints - f;
    to.put((im[f] + im[kMirror]) * 0.5f, (re[kMirror] - re[f]) * 0.5f);
  });
  to.put(im[kHalf], 0);
}

/// Takes columns from a spectrum, `in` as `out` above, and puts their inverse transform, times kPoints, into the panel.
template <int kPoints>
__device__ __forceinline__ void inverse_columns(float* panel, int pitch, int points_halved, const float* in,
                                                int64_t stride) {
  constexpr int kHalf = kPoints / 2;
  const auto [channel, column] = panel_thread();
  float re[kPoints], im[kPoints];
  if (column != 0) {
    StridedInput from(in + 2 * general_column_begin(kPoints, column) * stride, stride);
    unrolled<0, kPoints>([&](auto row) {
      constexpr int f = decltype(row)::value;
      re[f] = from.take(), im[f] = from.take();
    });
  } else {  // the two real columns as one: what is imaginary in the second is subtracted from the real part
    StridedInput first(in, stride), last(in + 2 * (kHalf + 1) * stride, stride);
    re[0] = first.take(), im[0] = last.take();
    first.skip(), last.skip();
    unrolled<1, kHalf>([&](auto row) {
      constexpr int f = decltype(row)::value, kMirror = kPoints - f;
      const float first_re = first.take(), first_im = first.take();
      const float last_re = last.take(), last_im = last.take();
      re[f] = first_re - last_im, im[f] = first_im + last_re;
      re[kMirror] = first_re + last_im, im[kMirror] = last_re - first_im;
    });
    re[kHalf] = first.take(), im[kHalf] = last.take();
  }
  fft<kPoints>(im, re);
  const PanelColumn to(panel, pitch, points_halved, column, channel);
  unrolled<0, kPoints>([&](auto point) {
    constexpr int b = decltype(point)::value;
    to.re(b) = re[b], to.im(b) = im[b];
  });
}

/// Transforms the thread's lines back into real ones, times kPoints, and multiplies them by both factors, one after the
/// other. Lines that are not read may be left out.
template <int kPoints>
__device__ __forceinline__ void inverse_lines(float* panel, float factor, float second_factor) {
  constexpr int kHalf = kPoints / 2, kPitch = panel_pitch(kPoints);
  const auto [channel, pair] = panel_thread();
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
