#include "cpu/gemm/gemm.h"
#include "cpu/training/operations.h"

namespace dnd::cpu {

void linear_gradient(ThreadPool& pool, const Control& control, const float* x, const float* dy, int64_t rows,
                     int64_t in, int64_t out, const float* weight, bool accumulate, float* dx, float* dweight,
                     float* dbias) {
  if (dx != nullptr) gemm(pool, control, rows, in, out, {dy, out, 1}, {weight, in, 1}, dx, in);
  Epilogue adding;
  if (accumulate) adding = {.residual = dweight, .residual_stride = in};
  gemm(pool, control, out, in, rows, {dy, 1, out}, {x, in, 1}, dweight, in, adding);
  if (dbias != nullptr) sum_rows(pool, control, dy, rows, out, accumulate, dbias);
}

}  // namespace dnd::cpu
