#include <cmath>

#include "cuda/kernels/half_scale.h"
#include "cuda/kernels/linear.h"
#include "cuda/kernels/linear_epilogue.h"
#include "cuda/kernels/linear_launch.h"
#include "cuda/kernels/linear_stage.h"
#include "toolkit/ptx.h"

namespace dnd::cuda {
namespace {

/// A block's part of y. Warps are below each other where possible: a row of x is then converted by one of them only.
struct LinearTile {
  int rows, outs;
  int warps_rows, warps_outs;
  int stages;
};
constexpr LinearTile kLinearTiles[] = {{32, 64, 2, 2, 4}, {128, 128, 4, 1, 3}};

template <int kIndex>
struct Shape {
  static constexpr LinearTile kTile = kLinearTiles[kIndex];
  static constexpr int kThreads = kTile.warps_rows * kTile.warps_outs * 32;
  static constexpr int kWarpRows = kTile.rows / kTile.warps_rows, kWarpOuts = kTile.outs / kTile.warps_outs;
  static constexpr int kRowParts = kWarpRows / 16, kColumns = kWarpOuts / 8;
  static constexpr int kLastColumns = kColumns / 4;  ///< multiplied behind the barrier of the next stage
  static constexpr int kLeftBytes = kTile.rows * kLineBytes;
  static constexpr int kStageBytes = kLeftBytes + kTile.outs * kLineBytes / 2;
  using Sums = BlockSums<kTile.rows, kTile.outs>;
  static constexpr int kSharedBytes =
      kTile.stages * kStageBytes > Sums::kBytes ? kTile.stages* kStageBytes : Sums::kBytes;
};

struct Arguments {
  LinearLayer layer;
  HalfWeight weight;
};

/// 16 rows of x at a stage's 32 inputs, as the a operands of two products; see lane_channel.
struct LeftFragment {
  uint32_t steps[2][4];
};

/// A lane's two rows of 16: what they are multiplied by before they become halves, and the largest magnitude so far.
struct RowPair {
  float scale[2] = {1, 1};
  float largest[2] = {0, 0};
};

__device__ __forceinline__ float larger(float largest, const float4& values) {
  const float first = fmaxf(fabsf(values.x), fabsf(values.y)), second = fmaxf(fabsf(values.z), fabsf(values.w));
  return fmaxf(largest, fmaxf(first, second));
}

__device__ __forceinline__ void load(LeftFragment& fragment, RowPair& pair, const unsigned char* lines, int line) {
  const int chunk = lane_channel(static_cast<int>(lane_index())) / 4;
  DND_UNROLL
  for (int half = 0; half < 2; ++half) {
    const float scale = pair.scale[half];
    DND_UNROLL
    for (int step = 0; step < 2; ++step) {
      const float4 values = *reinterpret_cast<const float4*>(lines + line_offset(line + half * 8, chunk + step));
      pair.largest[half] = larger(pair.largest[half], values);
      fragment.steps[step][half] = pack_halves(values.x * scale, values.y * scale);
      fragment.steps[step][half + 2] = pack_halves(values.z * scale, values.w * scale);
    }
  }
}

template <int kRowParts>
__device__ __forceinline__ void multiply_add(float (&sums)[kRowParts][4], const LeftFragment (&left)[kRowParts],
                                             const uint4& right) {
  const uint32_t steps[2][2] = {{right.x, right.y}, {right.z, right.w}};
  DND_UNROLL
  for (int step = 0; step < 2; ++step) {
    DND_UNROLL
    for (int part = 0; part < kRowParts; ++part) multiply_add_16x8x16(sums[part], left[part].steps[step], steps[step]);
  }
}

/// Whether the condition holds in any thread of the block; `shared` may be overwritten.
template <int kWarps>
__device__ __forceinline__ bool any_of_block(bool own, uint32_t* shared) {
  uint32_t any = own ? 1 : 0;
  for (unsigned mask = 16; mask > 0; mask /= 2) any |= warp_shuffle_xor(any, mask);
  block_barrier();
  if (lane_index() == 0) shared[thread_index().x / 32] = any;
  block_barrier();
  any = 0;
  for (int warp = 0; warp < kWarps; ++warp) any |= shared[warp];
  block_barrier();
  return any != 0;
}

/// One pass over all inputs; see complex_gemm_mma.cu for the pipeline.
template <int kIndex, bool kAligned>
__device__ __forceinline__ void multiply(float (&sums)[Shape<kIndex>::kColumns][Shape<kIndex>::kRowParts][4],
                                         RowPair (&pairs)[Shape<kIndex>::kRowParts], const Arguments& a,
                                         int64_t first_row, int first_out, int left_line, int right_line) {
  using S = Shape<kIndex>;
  constexpr int kStages = S::kTile.stages;
  const int64_t rows_left = a.layer.rows - first_row;
  const int pitch = static_cast<int>(half_weight_pitch(a.layer.in));
  FloatRows<S::kTile.rows, S::kThreads, kAligned> left_rows(
      a.layer.x + first_row * a.layer.in, a.layer.in,
      rows_left < S::kTile.rows ? static_cast<int>(rows_left) : S::kTile.rows);
  HalfRows<S::kTile.outs, S::kThreads> right_rows(a.weight.values + int64_t{first_out} * pitch, pitch,
                                                  a.layer.out - first_out);
  unsigned char* shared = shared_memory<unsigned char>();
  const auto stage_at = [shared](int slot) { return shared + slot * S::kStageBytes; };
  const auto copy_stage = [&](int slot) {
    left_rows.copy(stage_at(slot));
    right_rows.copy(stage_at(slot) + S::kLeftBytes);
  };
  LeftFragment left[S::kRowParts];
  const auto load_left = [&](int slot) {
    DND_UNROLL
    for (int part = 0; part < S::kRowParts; ++part)
      load(left[part], pairs[part], stage_at(slot), left_line + part * 16);
  };
  const auto right_at = [&](int slot, int column) {
    const int lane = static_cast<int>(lane_index());
    return *reinterpret_cast<const uint4*>(stage_at(slot) + S::kLeftBytes +
                                           half_line_offset(right_line + column * 8, lane_channel(lane) / 8));
  };

  const int stages = (a.layer.in + kStageInputs - 1) / kStageInputs;
  DND_UNROLL
  for (int ahead = 0; ahead < kStages - 1; ++ahead) {
    if (ahead < stages) copy_stage(ahead);
    copy_async_commit();
  }
  copy_async_wait<kStages - 2>();
  block_barrier();
  load_left(0);

  int slot = 0, free_slot = kStages - 1;
  for (int stage = 0; stage < stages; ++stage) {
    if (stage + kStages - 1 < stages) copy_stage(free_slot);
    copy_async_commit();
    free_slot = slot;

    constexpr int kFirstColumns = S::kColumns - S::kLastColumns;
    DND_UNROLL
    for (int column = 0; column < kFirstColumns; ++column) multiply_add(sums[column], left, right_at(slot, column));
    uint4 last[S::kLastColumns];
    DND_UNROLL
    for (int i = 0; i < S::kLastColumns; ++i) last[i] = right_at(slot, kFirstColumns + i);

    LeftFragment present[S::kRowParts];
    DND_UNROLL
    for (int part = 0; part < S::kRowParts; ++part) present[part] = left[part];
    copy_async_wait<kStages - 2>();
    block_barrier();
    // Behind the last stage its own rows are loaded once more, and not used.
    if (stage + 1 < stages) slot = slot + 1 == kStages ? 0 : slot + 1;
    load_left(slot);
    DND_UNROLL
    for (int i = 0; i < S::kLastColumns; ++i) multiply_add(sums[kFirstColumns + i], present, last[i]);
  }
}

template <int kIndex, bool kAligned>
__global__ void __launch_bounds__(Shape<kIndex>::kThreads) linear_mma_kernel(Arguments a) {
  using S = Shape<kIndex>;
  const LinearBlock block = linear_block(block_index().x, a.layer.out, S::kTile.outs);
  const int64_t first_row = block.row_block * S::kTile.rows;
  const int first_out = block.column_block * S::kTile.outs;
  const int lane = static_cast<int>(lane_index()), warp = static_cast<int>(thread_index().x) / 32;
  const int warp_row = warp / S::kTile.warps_outs * S::kWarpRows, warp_out = warp % S::kTile.warps_outs * S::kWarpOuts;

  float sums[S::kColumns][S::kRowParts][4] = {};
  RowPair pairs[S::kRowParts];
  const auto pass = [&] {
    multiply<kIndex, kAligned>(sums, pairs, a, first_row, first_out, warp_row + lane_line(lane),
                               warp_out + lane_line(lane));
  };
  // At most twice: the second time with scales that all rows fit.
  for (bool again = false;; again = true) {
    pass();
    if (again) break;
    bool fits = true;
    DND_UNROLL
    for (RowPair& pair : pairs) {
      DND_UNROLL
      for (int half = 0; half < 2; ++half) {
        float& largest = pair.largest[half];
        largest = fmaxf(largest, warp_shuffle_xor(largest, 1));
        largest = fmaxf(largest, warp_shuffle_xor(largest, 2));
        if (fits_halves(largest)) continue;
        pair.scale[half] = half_scale(largest);
        fits = false;
      }
    }
    if (!any_of_block<S::kThreads / 32>(!fits, shared_memory<uint32_t>())) break;
    DND_UNROLL
    for (auto& column : sums) {
      DND_UNROLL
      for (auto& part : column) {
        DND_UNROLL
        for (float& sum : part) sum = 0;
      }
    }
  }

  block_barrier();
  const typename S::Sums results = {shared_memory<float>()};
  DND_UNROLL
  for (int part = 0; part < S::kRowParts; ++part) {
    DND_UNROLL
    for (int index = 0; index < 4; index += 2) {
      const int row = warp_row + part * 16 + sum_row(lane, index);
      if (warp_out == 0 && lane % 4 == 0) *results.factor(row) = inverse_power_of_two(pairs[part].scale[index / 2]);
      DND_UNROLL
      for (int column = 0; column < S::kColumns; ++column) {
        const float(&values)[4] = sums[column][part];
        *reinterpret_cast<float2*>(results.at(row, warp_out + column * 8 + sum_column(lane, 0))) =
            make_float2(values[index], values[index + 1]);
      }
    }
  }
  block_barrier();
  finish_linear<S::kThreads>(a.layer, results, a.weight.unscale, first_row, first_out);
}

template <int kIndex>
void launch_tile(runtime::Stream stream, const Arguments& arguments) {
  using S = Shape<kIndex>;
  const auto kernel =
      rows_aligned(arguments.layer) ? linear_mma_kernel<kIndex, true> : linear_mma_kernel<kIndex, false>;
  launch(stream, "linear_mma", kernel, linear_grid(arguments.layer, S::kTile.rows, S::kTile.outs), S::kThreads,
         S::kSharedBytes, arguments);
}

}  // namespace

void linear_mma(runtime::Stream stream, const LinearLayer& layer, const HalfWeight& weight) {
  check(layer);
  constexpr LinearTile kLarge = kLinearTiles[1];
  const Arguments arguments = {layer, weight};
  if (linear_blocks(layer, kLarge.rows, kLarge.outs) >= kFewBlocks) {
    launch_tile<1>(stream, arguments);
  } else {
    launch_tile<0>(stream, arguments);
  }
}

}  // namespace dnd::cuda
