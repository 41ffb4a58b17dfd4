#include <algorithm>
#include <vector>

#include "core/integers.h"
#include "core/memory.h"
#include "cpu/gemm/gemm.h"
#include "cpu/isa/kernels.h"
#include "cpu/isa/language_kernels.h"
#include "cpu/language/operations.h"

namespace dnd::cpu {
namespace {

constexpr int64_t kRowsPerTask = 32;

/// Some rows of one group.
struct Piece {
  const DndLowRankGroup* group;
  int64_t begin, end;
};

std::vector<Piece> pieces_of(const DndLowRank& shape) {
  std::vector<Piece> pieces;
  for (int64_t i = 0; i < shape.group_count; ++i) {
    const DndLowRankGroup& group = shape.groups[i];
    const int64_t end = group.first_row + group.rows;
    for (int64_t row = group.first_row; row < end; row += kRowsPerTask) {
      pieces.push_back({&group, row, std::min(end, row + kRowsPerTask)});
    }
  }
  return pieces;
}

}  // namespace

/// The same loops for one row and for many, so that a row's result does not depend on how many share its adapter. bᵀ is
/// made for each piece: its rows are then added to whole rows of y.
void low_rank(ThreadPool& pool, const Control& control, const DndLowRank& shape, const float* x, float* t, float* y) {
  const std::vector<Piece> pieces = pieces_of(shape);
  if (pieces.empty()) return;
  const Kernels& isa = kernels();
  const LanguageKernels& rows = language_kernels();
  const int64_t in = shape.in, out = shape.out, rank = shape.rank;
  const Memory transposed(pool.threads() * rank * out * sizeof(float));
  pool.parallel_for(static_cast<int64_t>(pieces.size()), [&](int64_t task, int thread) {
    control.throw_if_cancelled();
    const Piece& piece = pieces[task];
    float* const b = transposed.floats() + thread * rank * out;
    isa.transpose(piece.group->b, rank, out, rank, nullptr, 1.0f, b, out, out);
    for (int64_t row = piece.begin; row < piece.end; row += kMaxDotRows) {
      const int64_t here = std::min<int64_t>(kMaxDotRows, piece.end - row);
      rows.dot(x + row * in, in, here, piece.group->a, in, rank, in, t + row * rank, rank);
    }
    rows.scale(shape.scale, (piece.end - piece.begin) * rank, t + piece.begin * rank);
    for (int64_t row = piece.begin; row < piece.end; ++row) {
      rows.weighted_rows(t + row * rank, 1, rank, b, out, out, true, y + row * out);
    }
    control.advance(static_cast<double>((piece.end - piece.begin) * rank) * static_cast<double>(in + out));
  });
}

void low_rank_gradient(ThreadPool& pool, const Control& control, const DndLowRank& shape, const float* x,
                       const float* t, const float* dy, bool accumulate, float* dt, float* dx) {
  const int64_t in = shape.in, out = shape.out, rank = shape.rank;
  for (int64_t i = 0; i < shape.group_count; ++i) {
    const DndLowRankGroup& group = shape.groups[i];
    if (group.rows == 0 && accumulate) continue;
    const int64_t rows = group.rows;
    const float *own_x = x + group.first_row * in, *own_t = t + group.first_row * rank;
    const float* own_dy = dy + group.first_row * out;
    float* const own_dt = dt + group.first_row * rank;
    Epilogue adding_b, adding_a;
    if (accumulate) {
      adding_b = {.residual = group.b_gradient, .residual_stride = rank};
      adding_a = {.residual = group.a_gradient, .residual_stride = in};
    }
    gemm(pool, control, out, rank, rows, {own_dy, 1, out}, {own_t, rank, 1}, group.b_gradient, rank, adding_b);
    gemm(pool, control, rows, rank, out, {own_dy, out, 1}, {group.b, rank, 1}, own_dt, rank);
    language_kernels().scale(shape.scale, rows * rank, own_dt);
    gemm(pool, control, rank, in, rows, {own_dt, 1, rank}, {own_x, in, 1}, group.a_gradient, in, adding_a);
    if (dx == nullptr || rows == 0) continue;
    float* const own_dx = dx + group.first_row * in;
    gemm(pool, control, rows, in, rank, {own_dt, rank, 1}, {group.a, in, 1}, own_dx, in,
         {.residual = own_dx, .residual_stride = in});
  }
}

}  // namespace dnd::cpu
