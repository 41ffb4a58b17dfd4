#include <algorithm>
#include <iterator>

#include "plan/cuda_cost.h"

namespace dnd {
namespace {

constexpr int64_t kStepChannels = 32;  ///< of a stage
/// From a block's first copy to its first multiply-add, and from the last to its sums' stores.
constexpr double kBlockSeconds = 1.5e-6;
/// Of shared memory that the system keeps for each block.
constexpr int64_t kReservedShared = 1024;
/// Streams of whole rows of spectra, four stages ahead, of what a copy reaches.
constexpr double kStreamFraction = 0.92;
/// fp32 multiply-adds out of registers, operands from shared memory.
constexpr double kFloatProductFraction = 0.75;

/// How a block of each product tile works. `matrix_fraction`: of mma.sync's rate, by the loads of shared memory beside
/// the multiply-adds: a warp's 16×32 tiles take 6 ldmatrix for 16 mma, 32×32 tiles 8 for 32, 64×32 tiles 12 for 64,
/// and an ldmatrix.x4 occupies the shared memory for about as long as two mma occupy a Hopper's matrix units.
/// `blocks`: of a multiprocessor, by registers (sums, fragments, addresses).
struct BlockTraits {
  double matrix_fraction;
  int64_t blocks;
};
constexpr BlockTraits kTraits[] = {{0.55, 5}, {0.75, 4}, {0.80, 2}, {0.88, 1}};
static_assert(std::size(kTraits) == std::size(kCudaProductTiles));

double count(int64_t value) { return static_cast<double>(value); }

}  // namespace

double cuda_product_seconds(int64_t frequencies, const CudaChunk& chunk, int64_t channels, int product_tile,
                            DndPrecision precision, bool weights_made, const CudaRates& rates) {
  const CudaProductTile& tile = kCudaProductTiles[product_tile];
  const BlockTraits& traits = kTraits[product_tile];
  const int64_t number = cuda_spectrum_bytes(precision);
  const int64_t rows = divide_up(chunk.tiles, tile.tiles), columns = divide_up(chunk.outs, tile.outs);
  const int64_t blocks = frequencies * rows * columns;

  // Blocks of one multiprocessor one after the other: the one with most of them ends last.
  const double block_flop = 8 * count(tile.tiles * tile.outs * round_up(channels, kStepChannels));
  const bool halves = precision != kDndFloat32;
  const double flop_rate = halves ? rates.attainable_half_flop_per_second() * traits.matrix_fraction
                                  : rates.attainable_float_flop_per_second() * kFloatProductFraction;
  const double arithmetic =
      count(divide_up(blocks, rates.multiprocessors)) * block_flop * rates.multiprocessors / flop_rate;

  const int64_t stage_bytes = 2 * kStepChannels * (tile.tiles + tile.outs) * number;
  const int64_t shared = tile.stages * stage_bytes + kReservedShared;
  const int64_t resident = std::clamp<int64_t>(rates.shared_bytes / shared, 1, traits.blocks);
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
