#pragma once

#include <cstdint>
#include <optional>

#include "control.h"
#include "core/memory.h"
#include "core/thread_pool.h"
#include "cpu/gemm/gemm.h"
#include "cpu/isa/bfloat16_kernels.h"

namespace dnd::cpu {

/// Columns of a Bfloat16Matrix: [rows, columns] in panels.
struct Bfloat16Columns {
  const Bfloat16Pair* panels;
  int64_t rows, columns;
};

/// The matrix b [k, n] of products, rounded to bfloat16 and packed once in the order in which the kernels read it.
class Bfloat16Matrix {
 public:
  /// Error(kUnavailable) without the instruction set, Error(kOutOfMemory). One of b's strides is 1.
  Bfloat16Matrix(ThreadPool& pool, int64_t k, int64_t n, WeightView b);

  int64_t rows() const { return k_; }
  int64_t columns() const { return n_; }
  int64_t bytes() const { return static_cast<int64_t>(memory_.bytes()); }
  Bfloat16Columns all() const { return {static_cast<const Bfloat16Pair*>(memory_.data()), k_, n_}; }
  /// Columns [first, first + count), which are there; nothing where they do not begin with a panel.
  std::optional<Bfloat16Columns> part(int64_t first, int64_t count) const;

 private:
  int64_t k_, n_;
  Memory memory_;
};

/// c[m, n] (row stride c_stride) = epilogue(a[m, k] · b), with a (row stride a_stride) rounded to bfloat16 too and sums
/// in float32; all else as `gemm`.
void gemm(ThreadPool& pool, const Control& control, int64_t m, const float* a, int64_t a_stride,
          const Bfloat16Columns& b, float* c, int64_t c_stride, const Epilogue& epilogue = {});

}  // namespace dnd::cpu
