#pragma once

#include "cuda/kernels/gemm_layout.h"
#include "toolkit/device_code.h"
#include "toolkit/ptx.h"

namespace dnd::cuda {

/// Channels of a stage of a complex product: what four chunks hold, 32 halves or 16 floats.
template <typename T>
inline constexpr int kStageChannels = kComponentChunks* kChunkBytes / static_cast<int>(sizeof(T));

/// A thread's part in copying kRows rows of a complex operand into shared memory, stage after stage. Eight threads copy
/// a line, both components of it; rows and channels that are not there become zeros.
template <typename T, int kRows, int kThreads>
class ComplexRows {
  static constexpr int kRowsApart = kThreads / kLineChunks;
  static_assert(kRowsApart % kLineChunks == 0 && kRows % kRowsApart == 0);

 public:
  static constexpr int kStageBytes = kRows * kLineBytes;

  /// `first` is the block's first row; `rows` are there from it on.
  __device__ __forceinline__ ComplexRows(const T* first, int64_t component_stride, int pitch, int rows)
      : pitch_(pitch) {
    const int thread = static_cast<int>(thread_index().x);
    const int chunk = thread % kLineChunks, row = thread / kLineChunks;
    const int channel = chunk % kComponentChunks * (kChunkBytes / static_cast<int>(sizeof(T)));
    source_ = first + chunk / kComponentChunks * component_stride + int64_t{row} * pitch + channel;
    offset_ = line_offset(row, chunk);
    channels_left_ = pitch - channel;
    rows_left_ = rows - row;
  }

  /// Starts the copies of the next stage.
  __device__ __forceinline__ void copy(unsigned char* stage) {
    const int rows = channels_left_ > 0 ? rows_left_ : 0;
    DND_UNROLL
    for (int i = 0; i < kRows / kRowsApart; ++i) {
      copy_async_16(stage + offset_ + i * kRowsApart * kLineBytes, source_ + int64_t{i * kRowsApart} * pitch_,
                    i * kRowsApart < rows);
    }
    source_ += kStageChannels<T>;
    channels_left_ -= kStageChannels<T>;
  }

 private:
  const T* source_;
  int pitch_, offset_;
  int channels_left_, rows_left_;
};

}  // namespace dnd::cuda
