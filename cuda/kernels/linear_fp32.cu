#include "cuda/kernels/linear.h"
#include "cuda/kernels/linear_epilogue.h"
#include "cuda/kernels/linear_launch.h"
#include "cuda/kernels/linear_stage.h"

namespace dnd::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kRowThreads = 16, kOutThreads = 8;  ///< how they share a block's rows and outputs
constexpr int kOutParts = 8;
constexpr int kRowParts = 8, kFewRowParts = 1;  ///< rows of a thread; the latter where there are few rows
constexpr int kBlockOuts = kOutThreads * kOutParts;
constexpr int kStages = 3;
constexpr int kBlocks = 2;  ///< of a multiprocessor, by registers
static_assert(kRowThreads * kOutThreads == kThreads);

template <int kParts>
struct Shape {
  static constexpr int kRows = kParts * kRowThreads;
  static constexpr int kStageBytes = (kRows + kBlockOuts) * kLineBytes;
  using Sums = BlockSums<kRows, kBlockOuts>;
  static constexpr int kSharedBytes = kStages * kStageBytes > Sums::kBytes ? kStages* kStageBytes : Sums::kBytes;
};

struct Arguments {
  LinearLayer layer;
  const float* weight;  ///< [out, in]
};

/// The specification: a thread for each number of y.
__global__ void linear_naive_kernel(Arguments a) {
  const LinearLayer& layer = a.layer;
  const int64_t index = static_cast<int64_t>(block_index().x) * block_size().x + thread_index().x;
  if (index >= layer.rows * layer.out) return;
  const float* x = layer.x + index / layer.out * layer.in;
  const float* weight = a.weight + index % layer.out * layer.in;
  float sum = 0;
  for (int i = 0; i < layer.in; ++i) sum += x[i] * weight[i];
  const float bias = layer.bias == nullptr ? 0 : layer.bias[index % layer.out];
  const float residual = layer.residual == nullptr ? 0 : layer.residual[index];
  layer.y[index] = activate(layer.activation, sum + bias) + residual;
}

__device__ __forceinline__ float4 load(const unsigned char* lines, int line, int chunk) {
  return *reinterpret_cast<const float4*>(lines + line_offset(line, chunk));
}

/// A thread's rows are kRowThreads apart and its outputs kOutThreads: see complex_gemm_fp32.cu.
template <int kParts, bool kAligned>
__global__ void __launch_bounds__(kThreads, kBlocks) linear_fp32_kernel(Arguments a) {
  using S = Shape<kParts>;
  const LinearBlock block = linear_block(block_index().x, a.layer.out, kBlockOuts);
  const int64_t first_row = block.row_block * S::kRows, rows_left = a.layer.rows - first_row;
  const int first_out = block.column_block * kBlockOuts;
  FloatRows<S::kRows, kThreads, kAligned> left_rows(a.layer.x + first_row * a.layer.in, a.layer.in,
                                                    rows_left < S::kRows ? static_cast<int>(rows_left) : S::kRows);
  FloatRows<kBlockOuts, kThreads, kAligned> right_rows(a.weight + int64_t{first_out} * a.layer.in, a.layer.in,
                                                       a.layer.out - first_out);
  unsigned char* shared = shared_memory<unsigned char>();
  const auto copy_stage = [&](int slot) {
    left_rows.copy(shared + slot * S::kStageBytes);
    right_rows.copy(shared + slot * S::kStageBytes + S::kRows * kLineBytes);
  };
  const int stages = (a.layer.in + kStageInputs - 1) / kStageInputs;
  DND_UNROLL
  for (int ahead = 0; ahead < kStages - 1; ++ahead) {
    if (ahead < stages) copy_stage(ahead);
    copy_async_commit();
  }

  const int lane = static_cast<int>(lane_index()), warp = static_cast<int>(thread_index().x) / 32;
  const int row_line = warp * 4 + lane / 8, out_line = lane % 8;
  float sums[kParts][kOutParts] = {};
  int slot = 0, free_slot = kStages - 1;
  for (int stage = 0; stage < stages; ++stage) {
    copy_async_wait<kStages - 2>();
    block_barrier();
    if (stage + kStages - 1 < stages) copy_stage(free_slot);
    copy_async_commit();
    const unsigned char* lines = shared + slot * S::kStageBytes;
    free_slot = slot;
    slot = slot + 1 == kStages ? 0 : slot + 1;

    DND_UNROLL
    for (int chunk = 0; chunk < kLineChunks; ++chunk) {
      float4 weights[kOutParts];
      DND_UNROLL
      for (int out = 0; out < kOutParts; ++out) {
        weights[out] = load(lines, S::kRows + out_line + out * kOutThreads, chunk);
      }
      DND_UNROLL
      for (int row = 0; row < kParts; ++row) {
        const float4 x = load(lines, row_line + row * kRowThreads, chunk);
        DND_UNROLL
        for (int out = 0; out < kOutParts; ++out) {
          float& sum = sums[row][out];
          sum += x.x * weights[out].x;
          sum += x.y * weights[out].y;
          sum += x.z * weights[out].z;
          sum += x.w * weights[out].w;
        }
      }
    }
  }

  block_barrier();
  const typename S::Sums results = {shared_memory<float>()};
  DND_UNROLL
  for (int part = 0; part < kParts; ++part) {
    const int row = row_line + part * kRowThreads;
    if (out_line == 0) *results.factor(row) = 1;
    DND_UNROLL
    for (int out = 0; out < kOutParts; ++out) *results.at(row, out_line + out * kOutThreads) = sums[part][out];
  }
  block_barrier();
  finish_linear<kThreads>(a.layer, results, nullptr, first_row, first_out);
}

template <int kParts>
void launch_parts(runtime::Stream stream, const Arguments& arguments) {
  using S = Shape<kParts>;
  const bool aligned = rows_aligned(arguments.layer) && reinterpret_cast<uintptr_t>(arguments.weight) % 16 == 0;
  const auto kernel = aligned ? linear_fp32_kernel<kParts, true> : linear_fp32_kernel<kParts, false>;
  launch(stream, "linear_fp32", kernel, linear_grid(arguments.layer, S::kRows, kBlockOuts), kThreads, S::kSharedBytes,
         arguments);
}

}  // namespace

void linear_fp32(runtime::Stream stream, const LinearLayer& layer, const float* weight) {
  check(layer);
  const Arguments arguments = {layer, weight};
  if (linear_blocks(layer, Shape<kRowParts>::kRows, kBlockOuts) >= kFewBlocks) {
    launch_parts<kRowParts>(stream, arguments);
  } else {
    launch_parts<kFewRowParts>(stream, arguments);
  }
}

void linear_naive(runtime::Stream stream, const LinearLayer& layer, const float* weight) {
  check(layer);
  const unsigned blocks = static_cast<unsigned>(divide_up(layer.rows * layer.out, kThreads));
  launch(stream, "linear_naive", linear_naive_kernel, {blocks, 1, 1}, kThreads, 0, Arguments{layer, weight});
}

}  // namespace dnd::cuda
