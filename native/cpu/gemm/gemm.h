#pragma once

#include <cstdint>

#include "backend.h"
#include "control.h"
#include "core/thread_pool.h"

namespace dnd::cpu {

/// A matrix in memory with any strides, counted in elements: a transpose is the same data with the strides swapped.
struct MatrixView {
  const float* data;
  int64_t row_stride;
  int64_t column_stride;
};

/// The same of a weight as it is stored.
struct WeightView {
  DndWeight data;
  int64_t row_stride;
  int64_t column_stride;
};

/// What happens to a finished product: c = activation(a·b + bias) + residual.
struct Epilogue {
  const float* bias = nullptr;  ///< [columns]
  DndActivation activation = kDndNoActivation;
  const float* residual = nullptr;  ///< [rows, columns], row stride `residual_stride`; may be c itself
  int64_t residual_stride = 0;
};

/// c[m, n] (row stride c_stride) = epilogue(a[m, k] · b[k, n]), float32. k may be 0: the product is then zero.
///
/// Every element is summed over k in blocks of kGemmDepth, in an order that depends on k alone: the bytes are the same
/// for any number of threads, and an element does not depend on which other rows or columns are there.
/// c must not overlap a or b. Error(kAborted) within milliseconds of cancellation; reports m·n·k multiply-adds.
void gemm(ThreadPool& pool, const Control& control, int64_t m, int64_t n, int64_t k, MatrixView a, MatrixView b,
          float* c, int64_t c_stride, const Epilogue& epilogue = {});

/// The same with a stored weight as b, one of whose strides is 1: the bytes of half precision are those of the same numbers
/// in float32.
void gemm(ThreadPool& pool, const Control& control, int64_t m, int64_t n, int64_t k, MatrixView a, WeightView b,
          float* c, int64_t c_stride, const Epilogue& epilogue = {});

constexpr int64_t kGemmDepth = 384;  ///< one block for the hidden states of a MiniLM

}  // namespace dnd::cpu
