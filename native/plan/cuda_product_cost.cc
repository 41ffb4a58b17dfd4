#include <algorithm>
#include <iterator>

#include "plan/cuda_cost.h"

namespace dnd {
namespace {

/// From a block's first copy to its first multiply-add, and from the last to its sums' stores.
constexpr double kBlockSeconds = 1.5e-6;
/// Of shared memory that the system keeps for each block.
constexpr int64_t kReservedShared = 1024;
/// Streams of whole rows of spectra, four stages ahead, of what a copy reaches.
constexpr double kStreamFraction = 0.92;

/// How a block works. `rate_fraction`, of mma.sync's rate, by the loads of shared memory beside the multiply-adds: a
/// warp's 16×32 tiles take 6 ldmatrix for 16 mma, 32×32 tiles 8 for 32, 64×32 tiles 12 for 64, and an ldmatrix.x4
/// occupies the shared memory for about as long as two mma occupy a Hopper's matrix units.
/// `most_blocks`: of a multiprocessor, by registers (sums, fragments, addresses).
struct Block {
  int64_t tiles, outs, stages, stage_channels;
  int64_t most_blocks;
  double rate_fraction;
};

struct Traits {
  int64_t most_blocks;
  double rate_fraction;
};
constexpr Traits kTraits[] = {{5, 0.55}, {3, 0.75}, {2, 0.88}, {1, 0.88}};
static_assert(std::size(kTraits) == std::size(kCudaProductTiles));

/// In fp32 there are two blocks, whatever the plan's product tile: multiply-adds out of registers, whose operands come
/// from shared memory, each for 8 (or 2) tiles and 4 output channels of a thread.
Block block_of(int product_tile, int64_t tiles, DndPrecision precision) {
  if (precision == kDndFloat32) {
    if (tiles <= 32) return {16, 64, 3, 16, 3, 0.6};
    return {64, 64, 3, 16, 2, 0.88};
  }
  const CudaProductTile& tile = kCudaProductTiles[product_tile];
  const Traits& traits = kTraits[product_tile];
  return {tile.tiles, tile.outs, tile.stages, 32, traits.most_blocks, traits.rate_fraction};
}

double count(int64_t value) { return static_cast<double>(value); }

}  // namespace

double cuda_product_seconds(int64_t frequencies, const CudaChunk& chunk, int64_t channels, int product_tile,
                            DndPrecision precision, bool weights_made, const CudaRates& rates) {
  const Block block = block_of(product_tile, chunk.tiles, precision);
  const int64_t number = cuda_spectrum_bytes(precision);
  const int64_t rows = divide_up(chunk.tiles, block.tiles), columns = divide_up(chunk.outs, block.outs);
  const int64_t blocks = frequencies * rows * columns;

  // Blocks of one multiprocessor one after the other: the one with most of them ends last.
  const double block_flop = 8 * count(block.tiles * block.outs * round_up(channels, block.stage_channels));
  const double flop_rate = block.rate_fraction * (precision == kDndFloat32 ? rates.attainable_float_flop_per_second()
                                                                           : rates.attainable_half_flop_per_second());
  const double arithmetic =
      count(divide_up(blocks, rates.multiprocessors)) * block_flop * rates.multiprocessors / flop_rate;

  const int64_t shared =
      block.stages * (block.tiles + block.outs) * 2 * block.stage_channels * number + kReservedShared;
  const int64_t resident = std::clamp<int64_t>(rates.shared_bytes / shared, 1, block.most_blocks);
  const double latency = count(divide_up(blocks, rates.multiprocessors * resident)) * kBlockSeconds;

  const double pitch = count(cuda_channel_pitch(channels)), line = 2 * count(frequencies) * pitch * count(number);
  const double tile_spectra = line * count(chunk.tiles), weight_spectra = line * count(chunk.outs);
  const double sums =
      2 * count(frequencies) * count(chunk.tiles) * count(cuda_output_pitch(chunk.outs)) * sizeof(float);
  const double level2 = (count(columns) * tile_spectra + count(rows) * weight_spectra + sums) /
                        rates.attainable_level2_bytes_per_second();
  // Blocks with the same weights run side by side, and so weights come from memory once.
  const double memory = cuda_transfer_seconds(tile_spectra, tile_spectra + weight_spectra, rates) +
                        (weights_made ? cuda_transfer_seconds(weight_spectra, 2 * weight_spectra, rates)
                                      : weight_spectra / rates.attainable_bytes_per_second()) +
                        cuda_transfer_seconds(sums, 2 * sums, rates);
  return std::max({arithmetic, latency, level2 / kStreamFraction, memory / kStreamFraction}) + kBlockSeconds / 2;
}

}  // namespace dnd
