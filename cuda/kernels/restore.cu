#include <algorithm>
#include <cmath>

#include "core/integers.h"
#include "cuda/device/reduce.h"
#include "cuda/kernels/grid.h"
#include "cuda/kernels/restore.h"
#include "cuda/kernels/restore_tile.h"
#include "toolkit/device_code.h"
#include "toolkit/launch.h"

namespace dnd::cuda {
namespace {

// Of the published scheme.
constexpr double kMeanScale = 8, kDeviationScale = 0.9, kDeviationOffset = 0.1, kLogarithmOffset = 1.6;

/// One of the two estimates' share of the mean, of the deviation.
__device__ __forceinline__ double half_mean(double margin) { return margin / kMeanScale / 2; }
__device__ __forceinline__ double half_deviation(double margin) {
  return (exp(margin - kLogarithmOffset) - kDeviationOffset) / kDeviationScale / 2;
}

/// Where a token's chunk goes: element (row, column) is at row · row_stride + column · column_stride of `to`.
struct Chunk {
  float* to = nullptr;
  int64_t row_stride, column_stride;
  int columns = 0;
  bool transposed;
};

/// The tensor is the last one that begins at `token` or before it.
__device__ Chunk chunk_of(const RestoreArguments& a, int64_t adapter, int64_t token) {
  int64_t begin = 0, end = a.tensor_count;
  while (begin < end) {
    const int64_t middle = begin + (end - begin) / 2;
    if (a.tensors[middle].first_token <= token) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  Chunk chunk;
  if (begin == 0) return chunk;
  const DndAdapterTensor tensor = a.tensors[begin - 1];
  const int64_t index = token - tensor.first_token, column = index * a.chunk;
  if (index >= tensor.tokens || column >= tensor.length) return chunk;
  chunk.transposed = tensor.transposed != 0;
  chunk.row_stride = chunk.transposed ? 1 : tensor.length;
  chunk.column_stride = chunk.transposed ? a.rank : 1;
  chunk.columns = static_cast<int>(tensor.length - column < a.chunk ? tensor.length - column : a.chunk);
  chunk.to = a.adapters + adapter * a.elements + tensor.offset + column * chunk.column_stride;
  return chunk;
}

// The specification: one thread for each token.

__device__ double average(const float* from, int64_t stride, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(from[i * stride]);
  return sum / static_cast<double>(count);
}

__global__ void restore_naive_kernel(RestoreArguments a) {
  const int64_t i = int64_t{block_index().x} * block_size().x + thread_index().x;
  if (i >= a.batch * a.token_count) return;
  const Chunk chunk = chunk_of(a, i / a.token_count, i % a.token_count);
  const float* token = a.tokens + i * a.height * a.width;
  double mean = 0, deviation = 0;
  for (int64_t parity = 0; parity < 2; ++parity) {
    const float* row = token + (a.height - 2 + parity) * a.width;
    const float* column = token + parity * a.width + a.width - 2;
    mean += half_mean((average(row, 2, a.width / 2) + average(column, 2 * a.width, a.height / 2)) / 2);
    deviation +=
        half_deviation((average(row + 1, 2, a.width / 2) + average(column + 1, 2 * a.width, a.height / 2)) / 2);
  }
  for (int64_t row = 0; row < a.rank; ++row) {
    for (int64_t column = 0; column < chunk.columns; ++column) {
      chunk.to[row * chunk.row_stride + column * chunk.column_stride] =
          static_cast<float>(static_cast<double>(token[row * a.width + column]) * deviation + mean);
    }
  }
}

// The kernel: one block of four warps for each token. Each warp reads one of the four margins: the estimate of the mean
// or of the deviation, from the last row but one and the even rows or from the last and the odd ones.

constexpr int kThreads = 128;

struct Scale {
  double mean, deviation;

  __device__ __forceinline__ float operator()(float normal) const {
    return static_cast<float>(static_cast<double>(normal) * deviation + mean);
  }
};

__device__ __forceinline__ Scale read_margins(const RestoreArguments& a, const float* token, double* shared) {
  const int margin = static_cast<int>(thread_index().x / 32), parity = margin / 2, deviation = margin % 2;
  const float* row = token + (a.height - 2 + parity) * a.width + deviation;
  const float* column = token + parity * a.width + a.width - 2 + deviation;
  double of_row = 0, of_column = 0;
  for (int64_t i = lane_index(); i < a.width / 2; i += 32) of_row += static_cast<double>(row[2 * i]);
  for (int64_t i = lane_index(); i < a.height / 2; i += 32) of_column += static_cast<double>(column[2 * i * a.width]);
  of_row = warp_sum(of_row);
  of_column = warp_sum(of_column);
  if (lane_index() == 0) {
    const double mean = (of_row / static_cast<double>(a.width / 2) + of_column / static_cast<double>(a.height / 2)) / 2;
    shared[margin] = deviation != 0 ? half_deviation(mean) : half_mean(mean);
  }
  block_barrier();
  return {shared[0] + shared[2], shared[1] + shared[3]};
}

/// Rows of the tensor are rows of the token: each warp takes a row at a time.
__device__ __forceinline__ void write_rows(const RestoreArguments& a, const float* token, const Chunk& chunk,
                                           const Scale& scale) {
  for (int64_t row = thread_index().x / 32; row < a.rank; row += kThreads / 32) {
    for (int column = static_cast<int>(lane_index()); column < chunk.columns; column += 32) {
      chunk.to[row * chunk.row_stride + column] = scale(token[row * a.width + column]);
    }
  }
}

/// Through shared memory, so that both sides are read and written contiguously.
__device__ __forceinline__ void write_columns(const RestoreArguments& a, const float* token, const Chunk& chunk,
                                              const Scale& scale, float* shared) {
  const RestoreTile tile(a.rank, a.chunk);
  const int pitch = tile.pitch(), thread = static_cast<int>(thread_index().x);
  for (int64_t first_row = 0; first_row < a.rank; first_row += tile.rows) {
    const int rows = static_cast<int>(a.rank - first_row < tile.rows ? a.rank - first_row : tile.rows);
    for (int first = 0; first < chunk.columns; first += tile.columns) {
      const int columns = chunk.columns - first < tile.columns ? chunk.columns - first : tile.columns;
      for (int row = thread / 32; row < rows; row += kThreads / 32) {
        for (int column = thread % 32; column < columns; column += 32) {
          shared[row * pitch + column] = scale(token[(first_row + row) * a.width + first + column]);
        }
      }
      block_barrier();
      // Element by element without a division for each.
      const int step_rows = kThreads % rows, step_columns = kThreads / rows;
      float* to = chunk.to + first * chunk.column_stride + first_row;
      for (int row = thread % rows, column = thread / rows; column < columns;) {
        to[column * chunk.column_stride + row] = shared[row * pitch + column];
        row += step_rows;
        column += step_columns;
        if (row >= rows) {
          row -= rows;
          ++column;
        }
      }
      block_barrier();
    }
  }
}

constexpr size_t kMarginBytes = 4 * sizeof(double);

__global__ void __launch_bounds__(kThreads) restore_kernel(RestoreArguments a) {
  const int64_t adapter = block_index().x / a.token_count, index = block_index().x % a.token_count;
  const Chunk chunk = chunk_of(a, adapter, index);
  if (chunk.columns == 0) return;
  const float* token = a.tokens + int64_t{block_index().x} * a.height * a.width;
  double* margins = shared_memory<double>();
  const Scale scale = read_margins(a, token, margins);
  if (chunk.transposed) {
    write_columns(a, token, chunk, scale, reinterpret_cast<float*>(margins + 4));
  } else {
    write_rows(a, token, chunk, scale);
  }
}

}  // namespace

void launch_restore(runtime::Stream stream, const RestoreArguments& a) {
  if (a.batch == 0 || a.token_count == 0) return;
  const size_t shared_bytes = kMarginBytes + RestoreTile(a.rank, a.chunk).floats() * sizeof(float);
  launch(stream, "restore", restore_kernel, grid_of(a.batch * a.token_count, "restore"), kThreads, shared_bytes, a);
}

void launch_restore_naive(runtime::Stream stream, const RestoreArguments& a) {
  constexpr unsigned kBlock = 32;
  if (a.batch == 0 || a.token_count == 0) return;
  launch(stream, "restore_naive", restore_naive_kernel,
         grid_of(divide_up(a.batch * a.token_count, kBlock), "restore_naive"), kBlock, 0, a);
}

}  // namespace dnd::cuda
