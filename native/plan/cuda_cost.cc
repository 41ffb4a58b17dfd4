#include "plan/cuda_cost.h"

#include <algorithm>

#include "core/convolution_work.h"

namespace dnd {
namespace {

constexpr double kFloat = sizeof(float);

/// From a kernel's first load to its first result, which other blocks do not hide: a memory latency and a drain.
constexpr double kRampSeconds = 1e-6;
constexpr double kKernelSeconds = kCudaLaunchSeconds + kRampSeconds;

/// Transforms move short runs (a tile's row, a block's channels) and wait at barriers between their two passes: half of
/// what a copy reaches is the mark of the kernels.
constexpr double kTransformFraction = 0.5;
/// Their butterflies mix additions, addresses and exchanges through shared memory with multiply-adds.
constexpr double kButterflyFraction = 0.3;
/// Direct convolution, of fp32's attainable rate: its main loops begin 128 multiply-adds in 164 instructions at best,
/// and taps on padding, edges and stages take their part.
constexpr double kDirectFraction = 0.6;
/// Outputs of one thread of it, whose chains of additions run side by side; clocks of one link.
constexpr double kDirectOutputs = 4, kChainClocks = 4;

double count(int64_t value) { return static_cast<double>(value); }

/// log2, rounded up.
double levels(int64_t points) {
  double levels = 0;
  for (int64_t power = 1; power < points; power *= 2) ++levels;
  return levels;
}

/// Operations of the 2-D transform of a real tile, 5/2 · P · log2 P; of the halved axis' lines, `lines` are not zero.
double transform_flop(const CudaTiling& tiling, int64_t lines) {
  return 2.5 * count(tiling.halved.points) *
         (count(tiling.full.points) * levels(tiling.full.points) + count(lines) * levels(tiling.halved.points));
}
double transform_flop(const CudaTiling& tiling) { return transform_flop(tiling, tiling.full.points); }

double plane(const ConvolutionShape& shape) { return count(shape.batch * shape.size_i * shape.size_j); }

int64_t chunks_of(const ConvolutionShape& shape, const CudaTiling& tiling, const CudaChunk& chunk) {
  return divide_up(shape.batch * tiling.plane_tiles(), chunk.tiles) * divide_up(shape.out_channels, chunk.outs);
}

/// Tiles and activations on one side, spectra on the other.
double transform_seconds(double activation_bytes, double tile_bytes, double spectra_seconds, double flop,
                         const CudaRates& rates) {
  // What overlapping tiles read twice comes from the second-level cache.
  const double memory = cuda_transfer_seconds(activation_bytes, 2 * activation_bytes, rates) + spectra_seconds;
  const double level2 = tile_bytes / rates.attainable_level2_bytes_per_second();
  const double arithmetic = flop / (kButterflyFraction * rates.attainable_float_flop_per_second());
  return std::max({memory / kTransformFraction, level2 / kTransformFraction, arithmetic});
}

}  // namespace

double cuda_transfer_seconds(double bytes, double working_set, const CudaRates& rates) {
  // Half of the cache: the rest holds what streams through it.
  const double near = std::min(1.0, count(rates.level2_bytes) / 2 / std::max(working_set, 1.0));
  return bytes * (near / rates.attainable_level2_bytes_per_second() + (1 - near) / rates.attainable_bytes_per_second());
}

CudaCost cuda_transform_cost(const ConvolutionShape& shape, const CudaTiling& tiling, const CudaChunk& chunk,
                             DndPrecision precision, bool spectra_resident, const CudaRates& rates) {
  const int64_t tiles = shape.batch * tiling.plane_tiles();
  const int64_t number = cuda_spectrum_bytes(precision);
  const double points = count(tiling.full.points * tiling.halved.points);
  const double components = 2 * count(tiling.frequencies());
  const double pitch = count(cuda_channel_pitch(shape.channels)), out_pitch = count(cuda_output_pitch(chunk.outs));
  const double out_chunks = count(divide_up(shape.out_channels, chunk.outs));
  const double tile_chunks = count(divide_up(tiles, chunk.tiles));

  CudaCost cost;
  const double input_bytes = kFloat * plane(shape) * count(shape.channels);
  cost.scale = cuda_transfer_seconds(input_bytes, input_bytes, rates) + kKernelSeconds;

  const double spectra = components * count(chunk.tiles) * pitch * count(number);
  const double flop = transform_flop(tiling);
  const double share = count(chunk.tiles) / count(tiles);
  cost.forward = tile_chunks *
                 (kKernelSeconds + transform_seconds(share * input_bytes, kFloat * points * count(chunk.tiles) * pitch,
                                                     cuda_transfer_seconds(spectra, spectra, rates),
                                                     flop * count(chunk.tiles) * pitch, rates));

  if (!spectra_resident) {
    const double taps = count(shape.kernel * shape.kernel), pairs = count(chunk.outs * shape.channels);
    const double made = components * count(chunk.outs) * pitch * count(number);
    const double bytes =
        kFloat * taps * pairs / rates.attainable_bytes_per_second() + cuda_transfer_seconds(made, made, rates);
    const double arithmetic = pairs * transform_flop(tiling, std::min(shape.kernel, tiling.full.points)) /
                              (kButterflyFraction * rates.attainable_float_flop_per_second());
    cost.weights = tile_chunks * out_chunks * (kKernelSeconds + std::max(bytes / kTransformFraction, arithmetic));
  }

  const double product = components * count(chunk.tiles) * out_pitch * kFloat;
  // An addend, which most of them have, is read beside.
  const double output_bytes = 2 * kFloat * share * plane(shape) * count(chunk.outs);
  cost.inverse = tile_chunks * out_chunks *
                 (kKernelSeconds + transform_seconds(output_bytes, 0, cuda_transfer_seconds(product, product, rates),
                                                     flop * count(chunk.tiles) * out_pitch, rates));
  return cost;
}

double cuda_product_cost(const ConvolutionShape& shape, const CudaTiling& tiling, int product_tile,
                         const CudaChunk& chunk, DndPrecision precision, bool spectra_resident,
                         const CudaRates& rates) {
  const double chunks = count(chunks_of(shape, tiling, chunk));
  return chunks * (kKernelSeconds + cuda_product_seconds(tiling.frequencies(), chunk, shape.channels, product_tile,
                                                         precision, !spectra_resident, rates));
}

double cuda_launch_seconds(const ConvolutionShape& shape, const CudaTiling& tiling, const CudaChunk& chunk) {
  return 2 * count(chunks_of(shape, tiling, chunk)) * kKernelSeconds;
}

CudaCost cuda_direct_cost(const ConvolutionShape& shape, const CudaRates& rates) {
  const double outs = count(shape.out_channels), channels = count(shape.channels);
  const double taps = count(shape.kernel * shape.kernel);
  const double flop =
      2 * count(shape.batch) *
      convolution_multiply_adds(shape.channels, shape.out_channels, shape.size_i, shape.size_j, shape.kernel);
  const double bytes = kFloat * (plane(shape) * (channels + outs) + taps * channels * outs);
  // A plane of few points leaves the device idle: each output is one chain of additions.
  const double rounds =
      count(divide_up(static_cast<int64_t>(plane(shape) * outs / kDirectOutputs), 512 * rates.multiprocessors));
  const double chain = std::max(1.0, rounds / 4) * taps * channels * kChainClocks / rates.clock_hertz;
  CudaCost cost;
  cost.direct = kKernelSeconds + std::max({flop / (kDirectFraction * rates.attainable_float_flop_per_second()), chain,
                                           bytes / rates.attainable_bytes_per_second()});
  return cost;
}

double cuda_product_multiply_adds(const ConvolutionShape& shape, const CudaTiling& tiling) {
  return 4 * count(tiling.frequencies()) * count(shape.batch * tiling.plane_tiles()) * count(shape.channels) *
         count(shape.out_channels);
}

}  // namespace dnd
