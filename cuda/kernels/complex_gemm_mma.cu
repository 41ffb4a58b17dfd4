#include <iterator>
#include <string>
#include <utility>

#include "cuda/kernels/complex_gemm_launch.h"
#include "cuda/kernels/complex_gemm_mma.h"
#include "cuda/kernels/complex_stage.h"
#include "plan/cuda_plan.h"
#include "toolkit/launch.h"

namespace dnd::cuda {
namespace {

/// What follows from a product tile.
template <int kIndex>
struct Shape {
  static constexpr CudaProductTile kTile = kCudaProductTiles[kIndex];
  static constexpr int kThreads = kTile.warps_tiles * kTile.warps_outs * 32;
  static constexpr int kWarpTiles = kTile.tiles / kTile.warps_tiles, kWarpOuts = kTile.outs / kTile.warps_outs;
  static constexpr int kRowParts = kWarpTiles / 16, kColumnPairs = kWarpOuts / 16;
  static constexpr int kSteps = kStageChannels<Half> / 16;  ///< of 16 channels, in a stage
  static constexpr int kStageBytes = (kTile.tiles + kTile.outs) * kLineBytes;
  static constexpr int kSharedBytes = kTile.stages * kStageBytes;
  static_assert(kWarpTiles % 16 == 0 && kWarpOuts % 16 == 0 && kTile.stages >= 2 && kSharedBytes <= 99 * 1024);
};

/// Both components of 16 rows of the left operand at 16 channels, and of the warp's columns of the right one.
struct LeftFragment {
  uint32_t real[4], imaginary[4];
};
template <int kColumnPairs>
struct RightFragment {
  uint32_t real[kColumnPairs][4], imaginary[kColumnPairs][4];
};

/// `row`: what this lane names of the fragment's rows.
__device__ __forceinline__ void load(LeftFragment& fragment, const unsigned char* lines, int row, int step) {
  const int chunk = step * 2 + left_fragment_chunk(static_cast<int>(lane_index()));
  load_matrix_x4(fragment.real, lines + complex_offset(row, 0, chunk));
  load_matrix_x4(fragment.imaginary, lines + complex_offset(row, 1, chunk));
}

template <int kColumnPairs>
__device__ __forceinline__ void load(RightFragment<kColumnPairs>& fragment, const unsigned char* lines, int row,
                                     int step) {
  const int chunk = step * 2 + right_fragment_chunk(static_cast<int>(lane_index()));
  DND_UNROLL
  for (int pair = 0; pair < kColumnPairs; ++pair) {
    load_matrix_x4(fragment.real[pair], lines + complex_offset(row + pair * 16, 0, chunk));
    load_matrix_x4(fragment.imaginary[pair], lines + complex_offset(row + pair * 16, 1, chunk));
  }
}

/// sums[column] += left · right[column]
template <int kColumnPairs>
__device__ __forceinline__ void multiply_add(float (&sums)[2 * kColumnPairs][4], const uint32_t (&left)[4],
                                             const uint32_t (&right)[kColumnPairs][4]) {
  DND_UNROLL
  for (int column = 0; column < 2 * kColumnPairs; ++column) {
    const uint32_t(&pair)[4] = right[column / 2];
    const uint32_t part[2] = {pair[column % 2 * 2], pair[column % 2 * 2 + 1]};
    multiply_add_16x8x16(sums[column], left, part);
  }
}

/// A complex product of four real ones, no sum needed again before a row of others is done.
template <int kColumnPairs>
__device__ __forceinline__ void multiply_add(float (&real)[2 * kColumnPairs][4],
                                             float (&imaginary)[2 * kColumnPairs][4], LeftFragment& left,
                                             const RightFragment<kColumnPairs>& right) {
  multiply_add(imaginary, left.imaginary, right.real);
  multiply_add(real, left.real, right.real);
  multiply_add(imaginary, left.real, right.imaginary);
  DND_UNROLL
  for (uint32_t& halves : left.imaginary) halves ^= 0x80008000u;
  multiply_add(real, left.imaginary, right.imaginary);
}

/// Stages are copied kStages − 1 ahead; fragments are loaded one product ahead, those of a stage's first product before
/// the last product of the stage before it, so that the barrier between stages is waited for with work at hand.
template <int kIndex>
__global__ void __launch_bounds__(Shape<kIndex>::kThreads) complex_gemm_mma_kernel(ComplexGemm<Half> a) {
  using S = Shape<kIndex>;
  constexpr CudaProductTile kTile = S::kTile;
  constexpr int kGroups = S::kSteps * S::kRowParts;

  const ProductBlock block =
      product_block(block_index().x, row_blocks(a.tiles, kTile.tiles), row_blocks(a.written_outs(), kTile.outs));
  const int first_tile = block.row_block * kTile.tiles, first_out = block.column_block * kTile.outs;
  ComplexRows<Half, kTile.tiles, S::kThreads> left_rows(
      a.x + block.frequency * a.x_strides.frequency + int64_t{first_tile} * a.channel_pitch, a.x_strides.component,
      a.channel_pitch, a.tiles - first_tile);
  ComplexRows<Half, kTile.outs, S::kThreads> right_rows(
      a.weight + block.frequency * a.weight_strides.frequency + int64_t{first_out} * a.channel_pitch,
      a.weight_strides.component, a.channel_pitch, a.outs - first_out);

  unsigned char* shared = shared_memory<unsigned char>();
  const auto stage_at = [shared](int slot) { return shared + slot * S::kStageBytes; };
  const auto copy_stage = [&](int slot) {
    left_rows.copy(stage_at(slot));
    right_rows.copy(stage_at(slot) + kTile.tiles * kLineBytes);
  };

  const int lane = static_cast<int>(lane_index()), warp = static_cast<int>(thread_index().x) / 32;
  const int warp_tile = warp / kTile.warps_outs * S::kWarpTiles, warp_out = warp % kTile.warps_outs * S::kWarpOuts;
  const int left_row = warp_tile + left_fragment_row(lane);
  const int right_row = kTile.tiles + warp_out + right_fragment_row(lane);

  const int stages = (a.channel_pitch + kStageChannels<Half> - 1) / kStageChannels<Half>;
  DND_UNROLL
  for (int ahead = 0; ahead < kTile.stages - 1; ++ahead) {
    if (ahead < stages) copy_stage(ahead);
    copy_async_commit();
  }

  float real[S::kRowParts][2 * S::kColumnPairs][4] = {}, imaginary[S::kRowParts][2 * S::kColumnPairs][4] = {};
  LeftFragment left[2];
  RightFragment<S::kColumnPairs> right[2];
  copy_async_wait<kTile.stages - 2>();
  block_barrier();
  load(right[0], stage_at(0), right_row, 0);
  load(left[0], stage_at(0), left_row, 0);

  int slot = 0, free_slot = kTile.stages - 1;
  for (int stage = 0; stage < stages; ++stage) {
    if (stage + kTile.stages - 1 < stages) copy_stage(free_slot);
    copy_async_commit();
    free_slot = slot;

    DND_UNROLL
    for (int group = 0; group < kGroups; ++group) {
      const int next = (group + 1) % kGroups;
      if (next == 0) {
        copy_async_wait<kTile.stages - 2>();
        block_barrier();
        // Behind the last stage its own fragments are loaded once more, and not used.
        if (stage + 1 < stages) slot = slot + 1 == kTile.stages ? 0 : slot + 1;
      }
      const int next_step = next / S::kRowParts, next_part = next % S::kRowParts;
      if (next_part == 0) load(right[next_step % 2], stage_at(slot), right_row, next_step);
      load(left[(group + 1) % 2], stage_at(slot), left_row + next_part * 16, next_step);
      const int part = group % S::kRowParts;
      multiply_add(real[part], imaginary[part], left[group % 2], right[group / S::kRowParts % 2]);
    }
  }

  const int out = first_out + warp_out + sum_column(lane, 0);
  const int written = a.written_outs();
  float* y = a.y + block.frequency * a.y_strides.frequency + out;
  DND_UNROLL
  for (int part = 0; part < S::kRowParts; ++part) {
    DND_UNROLL
    for (int index = 0; index < 4; index += 2) {
      const int tile = first_tile + warp_tile + part * 16 + sum_row(lane, index);
      if (tile >= a.tiles) continue;
      float* row = y + int64_t{tile} * a.output_pitch;
      DND_UNROLL
      for (int column = 0; column < 2 * S::kColumnPairs; ++column) {
        if (out + column * 8 >= written) continue;
        const float(&re)[4] = real[part][column];
        const float(&im)[4] = imaginary[part][column];
        *reinterpret_cast<float2*>(row + column * 8) = make_float2(re[index], re[index + 1]);
        *reinterpret_cast<float2*>(row + a.y_strides.component + column * 8) = make_float2(im[index], im[index + 1]);
      }
    }
  }
}

template <int kIndex>
void launch_tile(runtime::Stream stream, const ComplexGemm<Half>& arguments) {
  using S = Shape<kIndex>;
  launch(stream, "complex_gemm_mma", complex_gemm_mma_kernel<kIndex>,
         complex_gemm_grid(arguments, S::kTile.tiles, S::kTile.outs), S::kThreads, S::kSharedBytes, arguments);
}

template <int... kIndices>
void launch_one_of(runtime::Stream stream, const ComplexGemm<Half>& arguments, int product_tile,
                   std::integer_sequence<int, kIndices...>) {
  ((product_tile == kIndices ? launch_tile<kIndices>(stream, arguments) : void()), ...);
}

}  // namespace

void complex_gemm_mma(runtime::Stream stream, const ComplexGemm<Half>& arguments, int product_tile) {
  constexpr int kTiles = static_cast<int>(std::size(kCudaProductTiles));
  if (product_tile < 0 || product_tile >= kTiles) {
    throw Error(ErrorCode::kInternal, "no product tile " + std::to_string(product_tile));
  }
  check(arguments);
  launch_one_of(stream, arguments, product_tile, std::make_integer_sequence<int, kTiles>());
}

void complex_gemm_naive(runtime::Stream stream, const ComplexGemm<Half>& arguments) { launch_naive(stream, arguments); }

}  // namespace dnd::cuda
