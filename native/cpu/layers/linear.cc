#include "cpu/gemm/gemm.h"
#include "cpu/layers/layers.h"

namespace dnd::cpu {

void linear(ThreadPool& pool, const Control& control, const float* x, int64_t rows, int64_t in, DndWeight weight,
            const float* bias, int64_t out, DndActivation activation, const float* residual, float* y) {
  gemm(pool, control, rows, out, in, {x, in, 1}, WeightView{weight, 1, in}, y, out, {bias, activation, residual, out});
}

}  // namespace dnd::cpu
