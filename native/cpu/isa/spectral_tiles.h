#pragma once

#include "cpu/isa/spectral_fft.h"
#include "cpu/isa/spectral_gather.h"
#include "cpu/isa/spectral_kernels.h"
#include "cpu/isa/spectral_scatter.h"
#include "plan/tile_scratch.h"

/// Tiles to spectra and back. Two real lines make one complex one, in both directions of the halved axis, and the two
/// symmetric columns (halved frequencies 0 and points/2) make one complex column.
namespace dnd::cpu::DND_ISA {

inline void forward(const TileView<const float>& tile, const TileNorm& norm, const FrequencyOrder& order,
                    const SpectrumScale& spectrum_scale, const SpectrumView<float>& spectrum, float* scratch_floats) {
  const TileScratch scratch(kLanes, order.halved_points, order.full_points);
  const int64_t halved = order.halved_points, full = order.full_points, columns = order.columns();
  Vector* panel = reinterpret_cast<Vector*>(scratch_floats);
  Vector* real = panel + scratch.panel_vectors();  // [column][point of the full axis]
  Vector* imaginary = real + scratch.half_vectors();
  const Fft halved_fft = fft_of(halved), full_fft = fft_of(full);
  Vector re[kLargestTransform], im[kLargestTransform];

  const float scale = spectrum_scale.scale, half_scale = 0.5f * scale;
  for (int64_t block = 0; block < full; block += kLanes) {
    const int64_t block_end = block + kLanes < full ? block + kLanes : full;
    const int64_t begin = block > tile.full_begin ? block : tile.full_begin;
    const int64_t end = block_end < tile.full_end ? block_end : tile.full_end;
    if (begin < end) {
      for (int64_t b = block; b < block_end; ++b) {
        Vector* line = panel + (b - block) * scratch.panel_pitch;
        const bool inside = b >= begin && b < end;
        const int64_t padded = inside ? tile.halved_begin : halved;
        for (int64_t a = 0; a < padded; ++a) line[a] = Vector{};
        for (int64_t a = inside ? tile.halved_end : halved; a < halved; ++a) line[a] = Vector{};
      }
      gather(tile, norm, begin, end, panel + (begin - block) * scratch.panel_pitch, scratch.panel_pitch);
    }
    for (int64_t b = block; b < block_end; b += 2) {
      Vector* to_re = real + b;
      Vector* to_im = imaginary + b;
      if (b + 2 <= begin || b >= end) {
        for (int64_t column = 0; column < columns; ++column) {
          to_re[column * scratch.pitch] = to_re[column * scratch.pitch + 1] = Vector{};
          to_im[column * scratch.pitch] = to_im[column * scratch.pitch + 1] = Vector{};
        }
        continue;
      }
      const Vector* line = panel + (b - block) * scratch.panel_pitch;
      halved_fft(line, line + scratch.panel_pitch, re, im);
      to_re[0] = re[0] * scale, to_re[1] = im[0] * scale;
      to_im[0] = re[columns] * scale, to_im[1] = im[columns] * scale;
      for (int64_t f = 1; f < columns; ++f) {
        const int64_t mirror = halved - f;
        to_re[f * scratch.pitch] = (re[f] + re[mirror]) * half_scale;
        to_im[f * scratch.pitch] = (im[f] - im[mirror]) * half_scale;
        to_re[f * scratch.pitch + 1] = (im[f] + im[mirror]) * half_scale;
        to_im[f * scratch.pitch + 1] = (re[mirror] - re[f]) * half_scale;
      }
    }
  }

  const float sign = spectrum_scale.conjugated ? -1 : 1;
  const auto put = [&spectrum, sign](int64_t point, Vector r, Vector i) {
    float* to = spectrum.data + 2 * point * spectrum.component_stride;
    const auto put_component = [&](int64_t component, Vector value) {
      store(to + component * spectrum.component_stride, value);
      __builtin_prefetch(to + component * spectrum.component_stride + kLanes, 1, 2);  // where the next channels go
    };
    put_component(0, r);
    put_component(1, i * sign);
  };
  full_fft(real, imaginary, re, im);
  put(order.zero[0], re[0], Vector{});
  put(order.nyquist[0], im[0], Vector{});
  for (int64_t f = 1; f <= full / 2; ++f) {
    const int64_t mirror = full - f;
    put(order.zero[f], (re[f] + re[mirror]) * 0.5f, (im[f] - im[mirror]) * 0.5f);
    put(order.nyquist[f], (im[f] + im[mirror]) * 0.5f, (re[mirror] - re[f]) * 0.5f);
  }
  for (int64_t column = 1; column < columns; ++column) {
    full_fft(real + column * scratch.pitch, imaginary + column * scratch.pitch, re, im);
    const int64_t base = order.column_begin(column);
    for (int64_t f = 0; f < full; ++f) put(base + order.general[f], re[f], im[f]);
  }
}

/// The complex value of a point from the products p1 = xr·wr, p2 = xi·wi, p3 = (xr + xi)·(wr + wi).
struct Point {
  Vector real, imaginary;
};

inline __attribute__((always_inline)) Point take(const SpectrumView<const float>& spectrum, int64_t point) {
  const float* from = spectrum.data + 3 * point * spectrum.component_stride;
  const auto take_component = [&](int64_t component) {
    const float* at = from + component * spectrum.component_stride;
    __builtin_prefetch(at + kLanes);  // the next channels are used next
    return load(at);
  };
  const Vector p1 = take_component(0), p2 = take_component(1), p3 = take_component(2);
  return {p1 - p2, p3 - p1 - p2};
}

inline void inverse(const SpectrumView<const float>& spectrum, const FrequencyOrder& order, const TileView<float>& tile,
                    const TileEpilogue& epilogue, float* scratch_floats) {
  const TileScratch scratch(kLanes, order.halved_points, order.full_points);
  const int64_t halved = order.halved_points, full = order.full_points, columns = order.columns();
  Vector* panel = reinterpret_cast<Vector*>(scratch_floats);
  Vector* real = panel + scratch.panel_vectors();  // [point of the full axis][column]
  Vector* imaginary = real + scratch.half_vectors();
  const Fft halved_fft = fft_of(halved), full_fft = fft_of(full);
  Vector re[kLargestTransform], im[kLargestTransform], out_re[kLargestTransform], out_im[kLargestTransform];

  // Real and imaginary parts exchanged on both sides of a forward transform make it an inverse one.
  const auto keep_column = [&](int64_t column) {
    full_fft(im, re, out_im, out_re);
    for (int64_t b = tile.full_begin; b < tile.full_end; ++b) {
      real[b * scratch.pitch + column] = out_re[b];
      imaginary[b * scratch.pitch + column] = out_im[b];
    }
  };
  for (int64_t f = 0; f <= full / 2; ++f) {
    const Point zero = take(spectrum, order.zero[f]), nyquist = take(spectrum, order.nyquist[f]);
    re[f] = zero.real - nyquist.imaginary;
    im[f] = zero.imaginary + nyquist.real;
    if (f == 0 || 2 * f == full) continue;
    re[full - f] = zero.real + nyquist.imaginary;
    im[full - f] = nyquist.real - zero.imaginary;
  }
  keep_column(0);
  for (int64_t column = 1; column < columns; ++column) {
    const int64_t base = order.column_begin(column);
    for (int64_t f = 0; f < full; ++f) {
      const Point point = take(spectrum, base + order.general[f]);
      re[f] = point.real, im[f] = point.imaginary;
    }
    keep_column(column);
  }

  for (int64_t block = tile.full_begin; block < tile.full_end; block += kLanes) {
    const int64_t block_end = block + kLanes < tile.full_end ? block + kLanes : tile.full_end;
    for (int64_t b = block; b < block_end; b += 2) {
      const Vector* first_re = real + b * scratch.pitch;
      const Vector* first_im = imaginary + b * scratch.pitch;
      const bool pair = b + 1 < block_end;
      const Vector* second_re = pair ? first_re + scratch.pitch : first_re;  // a lone line goes with itself
      const Vector* second_im = pair ? first_im + scratch.pitch : first_im;
      re[0] = first_re[0], im[0] = second_re[0];
      re[columns] = first_im[0], im[columns] = second_im[0];
      for (int64_t f = 1; f < columns; ++f) {
        re[f] = first_re[f] - second_im[f], im[f] = first_im[f] + second_re[f];
        re[halved - f] = first_re[f] + second_im[f], im[halved - f] = second_re[f] - first_im[f];
      }
      Vector* line = panel + (b - block) * scratch.panel_pitch;
      halved_fft(im, re, pair ? line + scratch.panel_pitch : out_im, line);
    }
    scatter(panel, scratch.panel_pitch, block, block_end, tile, epilogue);
  }
}

}  // namespace dnd::cpu::DND_ISA
