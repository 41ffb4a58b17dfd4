#pragma once

#include <cstdint>

#include "cuda/device/half.h"
#include "toolkit/device_code.h"

namespace dnd::cuda {

/// Ŷ[f][t][o] = Σ_c X̂[f][t][c] · Ŵ[f][o][c] over complex numbers, for every frequency f: the product of tile spectra
/// and weight spectra (docs/cuda.md). T is Half or float, sums and Ŷ are float.
///
/// Tensors are [frequency][re, im][row][pitch] with strides of their own for the first two, so that a part of the rows
/// of a larger tensor can be meant: `weight` points to the first output channel of a chunk, in spectra of all of them.
/// x, weight and their strides are multiples of 16 bytes, y's of 8.
template <typename T>
struct ComplexGemm {
  struct Strides {
    int64_t frequency, component;  ///< in elements
  };

  const T* x;
  const T* weight;
  float* y;
  Strides x_strides, weight_strides, y_strides;
  int64_t frequencies;
  int tiles, outs;
  int channel_pitch;  ///< of x and weight, a multiple of 8; zeros from the last channel to it
  int output_pitch;   ///< of y, a multiple of 4; zeros are written from outs to the next multiple of 4

  constexpr int written_outs() const { return (outs + 3) / 4 * 4; }
};

template <typename T>
__device__ __forceinline__ float as_float(T value) {
  if constexpr (sizeof(T) == sizeof(Half)) {
    return to_float(value);
  } else {
    return value;
  }
}

/// The specification: a thread for each number of Ŷ.
template <typename T>
__global__ void complex_gemm_naive_kernel(ComplexGemm<T> a) {
  int64_t index = static_cast<int64_t>(block_index().x) * block_size().x + thread_index().x;
  const int written = a.written_outs();
  const int out = static_cast<int>(index % written);
  index /= written;
  const int tile = static_cast<int>(index % a.tiles);
  const int64_t frequency = index / a.tiles;
  if (frequency >= a.frequencies) return;

  float real = 0, imaginary = 0;
  if (out < a.outs) {
    const T* x = a.x + frequency * a.x_strides.frequency + int64_t{tile} * a.channel_pitch;
    const T* weight = a.weight + frequency * a.weight_strides.frequency + int64_t{out} * a.channel_pitch;
    for (int channel = 0; channel < a.channel_pitch; ++channel) {
      const float xr = as_float(x[channel]), xi = as_float(x[a.x_strides.component + channel]);
      const float wr = as_float(weight[channel]), wi = as_float(weight[a.weight_strides.component + channel]);
      real += xr * wr;
      real -= xi * wi;
      imaginary += xr * wi;
      imaginary += xi * wr;
    }
  }
  float* y = a.y + frequency * a.y_strides.frequency + int64_t{tile} * a.output_pitch + out;
  y[0] = real;
  y[a.y_strides.component] = imaginary;
}

}  // namespace dnd::cuda
