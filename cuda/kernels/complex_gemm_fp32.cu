#include "cuda/kernels/complex_gemm_fp32.h"
#include "cuda/kernels/complex_gemm_launch.h"
#include "cuda/kernels/complex_stage.h"
#include "toolkit/launch.h"

namespace dnd::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kTileThreads = 8, kOutThreads = 16;  ///< how they share a block's tiles and output channels
constexpr int kTileParts = 8, kFewTileParts = 2;   ///< tiles of a thread; the latter where there are few tiles
constexpr int kOutParts = 4;
constexpr int kBlockOuts = kOutThreads * kOutParts;
constexpr int kStages = 3;
constexpr int kBlocks = 2;  ///< of a multiprocessor, by registers
constexpr int kChunkChannels = kChunkBytes / static_cast<int>(sizeof(float));
static_assert(kTileThreads * kOutThreads == kThreads);

template <int kParts>
constexpr int block_tiles() {
  return kParts * kTileThreads;
}

template <int kParts>
constexpr int stage_bytes() {
  return (block_tiles<kParts>() + kBlockOuts) * kLineBytes;
}

__device__ __forceinline__ float4 load(const unsigned char* lines, int line, int component, int chunk) {
  return *reinterpret_cast<const float4*>(lines + complex_offset(line, component, chunk));
}

__device__ __forceinline__ void multiply_add(float& real, float& imaginary, float xr, float xi, float wr, float wi) {
  real += xr * wr;
  imaginary += xr * wi;
  real -= xi * wi;
  imaginary += xi * wr;
}

/// A thread's tiles are kTileThreads apart and its output channels kOutThreads: lanes beside each other then read lines
/// beside each other, or the same one.
template <int kParts>
__global__ void __launch_bounds__(kThreads, kBlocks) complex_gemm_fp32_kernel(ComplexGemm<float> a) {
  constexpr int kBlockTiles = block_tiles<kParts>(), kStageBytes = stage_bytes<kParts>();
  const ProductBlock block =
      product_block(block_index().x, row_blocks(a.tiles, kBlockTiles), row_blocks(a.written_outs(), kBlockOuts));
  const int first_tile = block.row_block * kBlockTiles, first_out = block.column_block * kBlockOuts;
  ComplexRows<float, kBlockTiles, kThreads> left_rows(
      a.x + block.frequency * a.x_strides.frequency + int64_t{first_tile} * a.channel_pitch, a.x_strides.component,
      a.channel_pitch, a.tiles - first_tile);
  ComplexRows<float, kBlockOuts, kThreads> right_rows(
      a.weight + block.frequency * a.weight_strides.frequency + int64_t{first_out} * a.channel_pitch,
      a.weight_strides.component, a.channel_pitch, a.outs - first_out);

  unsigned char* shared = shared_memory<unsigned char>();
  const auto copy_stage = [&](int slot) {
    left_rows.copy(shared + slot * kStageBytes);
    right_rows.copy(shared + slot * kStageBytes + kBlockTiles * kLineBytes);
  };
  const int stages = (a.channel_pitch + kStageChannels<float> - 1) / kStageChannels<float>;
  DND_UNROLL
  for (int ahead = 0; ahead < kStages - 1; ++ahead) {
    if (ahead < stages) copy_stage(ahead);
    copy_async_commit();
  }

  const int lane = static_cast<int>(lane_index()), warp = static_cast<int>(thread_index().x) / 32;
  const int tile_line = lane / 8 + warp / 2 * 4, out_line = lane % 8 + warp % 2 * 8;
  float real[kParts][kOutParts] = {}, imaginary[kParts][kOutParts] = {};
  int slot = 0, free_slot = kStages - 1;
  for (int stage = 0; stage < stages; ++stage) {
    copy_async_wait<kStages - 2>();
    block_barrier();
    if (stage + kStages - 1 < stages) copy_stage(free_slot);
    copy_async_commit();
    const unsigned char* lines = shared + slot * kStageBytes;
    free_slot = slot;
    slot = slot + 1 == kStages ? 0 : slot + 1;

    DND_UNROLL
    for (int chunk = 0; chunk < kStageChannels<float> / kChunkChannels; ++chunk) {
      float4 wr[kOutParts], wi[kOutParts];
      DND_UNROLL
      for (int out = 0; out < kOutParts; ++out) {
        wr[out] = load(lines, kBlockTiles + out_line + out * kOutThreads, 0, chunk);
        wi[out] = load(lines, kBlockTiles + out_line + out * kOutThreads, 1, chunk);
      }
      DND_UNROLL
      for (int tile = 0; tile < kParts; ++tile) {
        const float4 xr = load(lines, tile_line + tile * kTileThreads, 0, chunk);
        const float4 xi = load(lines, tile_line + tile * kTileThreads, 1, chunk);
        DND_UNROLL
        for (int out = 0; out < kOutParts; ++out) {
          multiply_add(real[tile][out], imaginary[tile][out], xr.x, xi.x, wr[out].x, wi[out].x);
          multiply_add(real[tile][out], imaginary[tile][out], xr.y, xi.y, wr[out].y, wi[out].y);
          multiply_add(real[tile][out], imaginary[tile][out], xr.z, xi.z, wr[out].z, wi[out].z);
          multiply_add(real[tile][out], imaginary[tile][out], xr.w, xi.w, wr[out].w, wi[out].w);
        }
      }
    }
  }

  const int written = a.written_outs();
  float* y = a.y + block.frequency * a.y_strides.frequency;
  DND_UNROLL
  for (int part = 0; part < kParts; ++part) {
    const int tile = first_tile + tile_line + part * kTileThreads;
    if (tile >= a.tiles) continue;
    float* row = y + int64_t{tile} * a.output_pitch;
    DND_UNROLL
    for (int out_part = 0; out_part < kOutParts; ++out_part) {
      const int out = first_out + out_line + out_part * kOutThreads;
      if (out >= written) continue;
      row[out] = real[part][out_part];
      row[a.y_strides.component + out] = imaginary[part][out_part];
    }
  }
}

template <int kParts>
void launch_parts(runtime::Stream stream, const ComplexGemm<float>& arguments) {
  launch(stream, "complex_gemm_fp32", complex_gemm_fp32_kernel<kParts>,
         complex_gemm_grid(arguments, block_tiles<kParts>(), kBlockOuts), kThreads, kStages * stage_bytes<kParts>(),
         arguments);
}

}  // namespace

void complex_gemm_fp32(runtime::Stream stream, const ComplexGemm<float>& arguments) {
  check(arguments);
  if (arguments.tiles <= 2 * block_tiles<kFewTileParts>()) {
    launch_parts<kFewTileParts>(stream, arguments);
  } else {
    launch_parts<kTileParts>(stream, arguments);
  }
}

void complex_gemm_naive(runtime::Stream stream, const ComplexGemm<float>& arguments) {
  launch_naive(stream, arguments);
}

}  // namespace dnd::cuda
