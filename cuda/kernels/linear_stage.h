#pragma once

#include "cuda/device/half.h"
#include "cuda/kernels/gemm_layout.h"
#include "toolkit/device_code.h"
#include "toolkit/ptx.h"

namespace dnd::cuda {

/// Inputs of a stage of a linear layer: a line of floats.
inline constexpr int kStageInputs = kLineBytes / static_cast<int>(sizeof(float));

/// A thread's part in copying kRows rows of floats into shared memory, stage after stage; eight threads copy a line.
/// Rows and inputs that are not there become zeros. Rows that are not kAligned to 16 bytes are copied float by float,
/// at once.
template <int kRows, int kThreads, bool kAligned>
class FloatRows {
  static constexpr int kRowsApart = kThreads / kLineChunks;
  static_assert(kRowsApart % kLineChunks == 0 && kRows % kRowsApart == 0);

 public:
  static constexpr int kStageBytes = kRows * kLineBytes;

  /// `first`: the block's first row; `rows` of `in` floats are there from it on.
  __device__ __forceinline__ FloatRows(const float* first, int in, int rows) : in_(in) {
    const int thread = static_cast<int>(thread_index().x);
    const int chunk = thread % kLineChunks, row = thread / kLineChunks;
    source_ = first + int64_t{row} * in + chunk * 4;
    offset_ = line_offset(row, chunk);
    inputs_left_ = in - chunk * 4;
    rows_left_ = rows - row;
  }

  __device__ __forceinline__ void copy(unsigned char* stage) {
    const int rows = inputs_left_ > 0 ? rows_left_ : 0;
    DND_UNROLL
    for (int i = 0; i < kRows / kRowsApart; ++i) {
      const float* source = source_ + int64_t{i * kRowsApart} * in_;
      unsigned char* target = stage + offset_ + i * kRowsApart * kLineBytes;
      const bool inside = i * kRowsApart < rows;
      if constexpr (kAligned) {
        copy_async_16(target, source, inside);
      } else {
        const int count = inside ? inputs_left_ : 0;
        *reinterpret_cast<float4*>(target) = make_float4(count > 0 ? source[0] : 0, count > 1 ? source[1] : 0,
                                                         count > 2 ? source[2] : 0, count > 3 ? source[3] : 0);
      }
    }
    source_ += kStageInputs;
    inputs_left_ -= kStageInputs;
  }

 private:
  const float* source_;
  int in_, offset_;
  int inputs_left_, rows_left_;
};

/// The same for rows of halves at a pitch that is a multiple of 16 bytes; four threads copy a line.
template <int kRows, int kThreads>
class HalfRows {
  static constexpr int kLineThreads = kStageInputs / 8;
  static constexpr int kRowsApart = kThreads / kLineThreads;
  static_assert(kRows % kRowsApart == 0);

 public:
  static constexpr int kStageBytes = kRows * kLineThreads * kChunkBytes;

  __device__ __forceinline__ HalfRows(const Half* first, int pitch, int rows) : pitch_(pitch) {
    const int thread = static_cast<int>(thread_index().x);
    const int chunk = thread % kLineThreads, row = thread / kLineThreads;
    source_ = first + int64_t{row} * pitch + chunk * 8;
    offset_ = half_line_offset(row, chunk);
    inputs_left_ = pitch - chunk * 8;
    rows_left_ = rows - row;
  }

  __device__ __forceinline__ void copy(unsigned char* stage) {
    const int rows = inputs_left_ > 0 ? rows_left_ : 0;
    DND_UNROLL
    for (int i = 0; i < kRows / kRowsApart; ++i) {
      copy_async_16(stage + offset_ + i * half_line_offset(kRowsApart, 0), source_ + int64_t{i * kRowsApart} * pitch_,
                    i * kRowsApart < rows);
    }
    source_ += kStageInputs;
    inputs_left_ -= kStageInputs;
  }

 private:
  const Half* source_;
  int pitch_, offset_;
  int inputs_left_, rows_left_;
};

}  // namespace dnd::cuda
