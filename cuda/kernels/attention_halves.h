#pragma once

#include "cuda/device/half.h"
#include "cuda/kernels/attention_keys.h"
#include "cuda/kernels/attention_tile.h"
#include "toolkit/ptx.h"

/// Attention by the matrix units. A warp has 16 queries, whose scores, weights and outputs stay in its registers; keys
/// and values come tile by tile through shared memory, as halves. Scores are in powers of two: the queries carry
/// log₂ e / √head_width.
namespace dnd::cuda::attention_halves {

template <int kWidth>
struct Tile {
  /// Of a tile. Wider heads leave fewer registers for their scores.
  static constexpr int kKeys = kWidth <= 32 ? 64 : 32;
  static constexpr int kWarps = 8;
  static constexpr int kThreads = 32 * kWarps;
  static constexpr int kQueries = 16 * kWarps;
  static constexpr int kHalves = kKeys * kWidth;
  static constexpr int kSharedBytes = 2 * kHalves * static_cast<int>(sizeof(Half)) + kKeys * 4 + kWarps * 4;
  /// Pieces of 8 halves that a thread brings of one tile; the last may be missing.
  static constexpr int kPieces = (kHalves / 8 + kThreads - 1) / kThreads;
};

/// Up to 8 floats of a row, zeros beyond `count`. kQuads: rows begin at multiples of 16 bytes and have a multiple of 4
/// floats.
template <bool kQuads>
struct Piece {
  float values[8];

  __device__ __forceinline__ void load(const float* from, int count) {
    if constexpr (kQuads) {
      DND_UNROLL
      for (int i = 0; i < 8; i += 4) {
        const float4 four = i < count ? *reinterpret_cast<const float4*>(from + i) : make_float4(0, 0, 0, 0);
        values[i] = four.x;
        values[i + 1] = four.y;
        values[i + 2] = four.z;
        values[i + 3] = four.w;
      }
    } else {
      DND_UNROLL
      for (int i = 0; i < 8; ++i) values[i] = i < count ? from[i] : 0;
    }
  }
  __device__ __forceinline__ uint4 halves() const {
    return make_uint4(pack_halves(values[0], values[1]), pack_halves(values[2], values[3]),
                      pack_halves(values[4], values[5]), pack_halves(values[6], values[7]));
  }
};

/// A thread's pieces of tiles of keys or values.
template <int kWidth, bool kQuads>
struct Fetch {
  static constexpr int kPiecesOfRow = kWidth / 8, kRowStep = Tile<kWidth>::kThreads / kPiecesOfRow;

  Piece<kQuads> pieces[Tile<kWidth>::kPieces];

  static __device__ __forceinline__ int row() { return static_cast<int>(thread_index().x) / kPiecesOfRow; }
  static __device__ __forceinline__ int piece() { return static_cast<int>(thread_index().x) % kPiecesOfRow; }

  /// `from`: the thread's first piece of the tile; `rows` are left from that row on.
  __device__ __forceinline__ void load(const float* from, int64_t row_stride, int rows, int head_width) {
    DND_UNROLL
    for (int i = 0; i < Tile<kWidth>::kPieces; ++i) {
      pieces[i].load(from + i * kRowStep * row_stride, i * kRowStep < rows ? head_width - 8 * piece() : 0);
    }
  }
  __device__ __forceinline__ void store(uint4* tile) const {
    DND_UNROLL
    for (int i = 0; i < Tile<kWidth>::kPieces; ++i) {
      const int to = row() + i * kRowStep;
      if (to < Tile<kWidth>::kKeys) tile[attention_piece(kWidth, to, piece())] = pieces[i].halves();
    }
  }
};

/// 16 queries in the lanes of a warp, as operand a of m16n8k16: lane l has rows l / 4 and l / 4 + 8.
template <int kWidth>
struct Queries {
  static constexpr int kKeys = Tile<kWidth>::kKeys;
  static constexpr int kSteps = kWidth / 16;
  static constexpr int k16Rows = 16 * kWidth / 8;  ///< of a tile, in pieces

  uint32_t registers[kSteps][4];
  float largest[2] = {-INFINITY, -INFINITY};  ///< score so far
  float sums[2] = {};                         ///< of the weights, of this lane's keys
  float outputs[2 * kSteps][4] = {};

  __device__ __forceinline__ void load(const float* from, int64_t row_stride, int row, int rows, int head_width) {
    const float scale = 1.44269504f / sqrtf(static_cast<float>(head_width));
    const int first = static_cast<int>(lane_index() % 4) * 2, left = head_width - first;
    DND_UNROLL
    for (int step = 0; step < kSteps; ++step) {
      DND_UNROLL
      for (int i = 0; i < 4; ++i) {
        const int at = row + i % 2 * 8, column = 16 * step + i / 2 * 8;
        const float* query = from + at * row_stride + first + column;
        const float low = at < rows && column < left ? query[0] : 0;
        const float high = at < rows && column + 1 < left ? query[1] : 0;
        registers[step][i] = pack_halves(low * scale, high * scale);
      }
    }
  }

  /// A tile's weights, as operand a of the products with its values.
  __device__ __forceinline__ void score(const uint4* keys, const float* limits, uint32_t (&weights)[kKeys / 16][4]) {
    const unsigned lane = lane_index();
    const unsigned key = attention_piece(kWidth, lane / 16 * 8 + lane % 8, lane / 8 % 2);
    float scores[kKeys / 8][4] = {};
    DND_UNROLL
    for (int step = 0; step < kSteps; ++step) {
      DND_UNROLL
      for (int i = 0; i < kKeys / 16; ++i) {
        uint32_t b[4];
        load_matrix_x4(b, keys + (key ^ 2 * step) + i * k16Rows);
        multiply_add_16x8x16(scores[2 * i], registers[step], {b[0], b[1]});
        multiply_add_16x8x16(scores[2 * i + 1], registers[step], {b[2], b[3]});
      }
    }

    float now[2] = {largest[0], largest[1]};
    DND_UNROLL
    for (int i = 0; i < kKeys / 8; ++i) {
      const float2 limit = *reinterpret_cast<const float2*>(limits + 8 * i + lane % 4 * 2);
      DND_UNROLL
      for (int j = 0; j < 4; ++j) {
        scores[i][j] = fminf(scores[i][j], j % 2 == 0 ? limit.x : limit.y);
        now[j / 2] = fmaxf(now[j / 2], scores[i][j]);
      }
    }
    DND_UNROLL
    for (int half = 0; half < 2; ++half) {
      now[half] = warp_largest<4>(now[half]);
      const float factor = exponential2(largest[half] - now[half]);
      largest[half] = now[half];
      sums[half] *= factor;
      DND_UNROLL
      for (int i = 0; i < 2 * kSteps; ++i) {
        outputs[i][2 * half] *= factor;
        outputs[i][2 * half + 1] *= factor;
      }
    }
    DND_UNROLL
    for (int i = 0; i < kKeys / 8; ++i) {
      DND_UNROLL
      for (int j = 0; j < 4; ++j) {
        scores[i][j] = exponential2(scores[i][j] - now[j / 2]);
        sums[j / 2] += scores[i][j];
      }
    }

    DND_UNROLL
    for (int i = 0; i < kKeys / 16; ++i) {
      DND_UNROLL
      for (int j = 0; j < 4; ++j) {
        weights[i][j] = pack_halves(scores[2 * i + j / 2][j % 2 * 2], scores[2 * i + j / 2][j % 2 * 2 + 1]);
      }
    }
  }

  __device__ __forceinline__ void add(const uint4* values, const uint32_t (&weights)[kKeys / 16][4]) {
    const unsigned value = attention_piece(kWidth, lane_index() % 16, lane_index() / 16);
    DND_UNROLL
    for (int i = 0; i < kKeys / 16; ++i) {
      DND_UNROLL
      for (int step = 0; step < kSteps; ++step) {
        uint32_t b[4];
        load_matrix_x4_transposed(b, values + (value ^ 2 * step) + i * k16Rows);
        multiply_add_16x8x16(outputs[2 * step], weights[i], {b[0], b[1]});
        multiply_add_16x8x16(outputs[2 * step + 1], weights[i], {b[2], b[3]});
      }
    }
  }

  __device__ __forceinline__ void store(float* y, int64_t y_stride, int row, int rows, int head_width) {
    const float shares[2] = {1.0f / warp_sum<4>(sums[0]), 1.0f / warp_sum<4>(sums[1])};
    const int first = static_cast<int>(lane_index() % 4) * 2, left = head_width - first;
    DND_UNROLL
    for (int half = 0; half < 2; ++half) {
      if (row + 8 * half >= rows) continue;
      float* to = y + (row + 8 * half) * y_stride + first;
      DND_UNROLL
      for (int i = 0; i < 2 * kSteps; ++i) {
        if (8 * i < left) to[8 * i] = outputs[i][2 * half] * shares[half];
        if (8 * i + 1 < left) to[8 * i + 1] = outputs[i][2 * half + 1] * shares[half];
      }
    }
  }
};

/// Block: 128 queries of one head of one sequence.
template <int kWidth, bool kQuads>
__global__ void __launch_bounds__(Tile<kWidth>::kThreads, kWidth <= 64 && kQuads ? 2 : 1) kernel(AttentionArguments a) {
  using Shape = Tile<kWidth>;
  const auto query_blocks = static_cast<unsigned>((a.longest + Shape::kQueries - 1) / Shape::kQueries);
  const unsigned heads = static_cast<unsigned>(a.heads), pair = block_index().x / query_blocks;
  const attention::Head head(a, pair / heads, pair % heads);
  const int first = static_cast<int>(block_index().x % query_blocks) * Shape::kQueries;
  if (first >= head.rows) return;

  uint4* keys = shared_memory<uint4>();
  uint4* values = keys + Shape::kHalves / 8;
  float* limits = reinterpret_cast<float*>(values + Shape::kHalves / 8);
  const int key_rows = head.keys(reinterpret_cast<int*>(limits + Shape::kKeys));

  const int head_width = static_cast<int>(a.head_width);
  const int warp_first = first + static_cast<int>(thread_index().x / 32) * 16;
  const bool busy = warp_first < head.rows;  // the others only bring keys and values
  const int row = warp_first + static_cast<int>(lane_index() / 4);
  Queries<kWidth> queries;
  queries.load(head.query, head.row_stride, row, head.rows, head_width);

  // Keys are fetched while the values are multiplied with, values while the keys are; nothing beyond the last is read.
  Fetch<kWidth, kQuads> fetch;
  const float* from = head.key + fetch.row() * head.row_stride + 8 * fetch.piece();
  const auto store_keys = [&](int begin) {
    fetch.store(keys);
    if (thread_index().x < Shape::kKeys) {
      const int key = static_cast<int>(thread_index().x);
      limits[key] = head.limit(begin + key, key_rows);
    }
  };
  fetch.load(from, head.row_stride, key_rows - fetch.row(), head_width);
  store_keys(0);
  for (int begin = 0; begin < key_rows; begin += Shape::kKeys) {
    fetch.load(from + a.heads * a.head_width, head.row_stride, key_rows - begin - fetch.row(), head_width);
    block_barrier();
    uint32_t weights[Shape::kKeys / 16][4];
    if (busy) queries.score(keys, limits, weights);
    fetch.store(values);
    from += Shape::kKeys * head.row_stride;
    fetch.load(from, head.row_stride, key_rows - begin - Shape::kKeys - fetch.row(), head_width);
    block_barrier();
    if (busy) queries.add(values, weights);
    store_keys(begin + Shape::kKeys);
  }
  if (busy) {
    queries.store(attention::output_of(a, pair / heads, pair % heads), a.heads * a.head_width, row, head.rows,
                  head_width);
  }
}

}  // namespace dnd::cuda::attention_halves
