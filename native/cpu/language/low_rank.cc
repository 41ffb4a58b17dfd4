#include <algorithm>
#include <utility>
#include <vector>

#include "core/integers.h"
#include "core/memory.h"
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

/// scale · bᵀ [rank, out] of the group that a thread works on, made again only when it comes to another group.
class TransposedB {
 public:
  TransposedB(const ThreadPool& pool, const DndLowRank& shape, float scale)
      : shape_(shape),
        scale_(scale),
        memory_(pool.threads() * shape.rank * shape.out * sizeof(float)),
        groups_(static_cast<size_t>(pool.threads())) {}

  const float* of(const DndLowRankGroup& group, int thread) {
    const int64_t out = shape_.out, rank = shape_.rank;
    float* const transposed = memory_.floats() + thread * rank * out;
    if (std::exchange(groups_[static_cast<size_t>(thread)], &group) == &group) return transposed;
    kernels().transpose(group.b, rank, out, rank, nullptr, scale_, transposed, out, out);
    return transposed;
  }

 private:
  const DndLowRank& shape_;
  const float scale_;
  const Memory memory_;
  std::vector<const DndLowRankGroup*> groups_;  ///< of each thread
};

}  // namespace

/// The same loops for one row and for many, so that a row's result does not depend on how many share its adapter: rows
/// of bᵀ are added to whole rows of y.
void low_rank(ThreadPool& pool, const Control& control, const DndLowRank& shape, const float* x, float* t, float* y) {
  const std::vector<Piece> pieces = pieces_of(shape);
  if (pieces.empty()) return;
  const LanguageKernels& rows = language_kernels();
  const int64_t in = shape.in, out = shape.out, rank = shape.rank;
  TransposedB transposed(pool, shape, 1);
  pool.parallel_for(static_cast<int64_t>(pieces.size()), [&](int64_t task, int thread) {
    control.throw_if_cancelled();
    const Piece& piece = pieces[task];
    const float* const b = transposed.of(*piece.group, thread);
    for (int64_t row = piece.begin; row < piece.end; row += kMaxDotRows) {
      const int64_t here = std::min<int64_t>(kMaxDotRows, piece.end - row);
      rows.dot[kDndFloat32Weight](x + row * in, in, here, piece.group->a, in, rank, in, t + row * rank, rank);
    }
    rows.scale(shape.scale, (piece.end - piece.begin) * rank, t + piece.begin * rank);
    for (int64_t row = piece.begin; row < piece.end; ++row) {
      rows.weighted_rows(t + row * rank, 1, rank, b, out, out, true, y + row * out);
    }
    control.advance(static_cast<double>((piece.end - piece.begin) * rank) * static_cast<double>(in + out));
  });
}

namespace {

constexpr int64_t kColumnsPerTask = 128;

/// Some columns of the gradient of one group's matrix.
struct Columns {
  const DndLowRankGroup* group;
  bool of_a;
  int64_t begin, end;
};

std::vector<Columns> columns_of(const DndLowRank& shape) {
  std::vector<Columns> columns;
  for (int64_t i = 0; i < shape.group_count; ++i) {
    for (const bool of_a : {true, false}) {
      const int64_t count = of_a ? shape.in : shape.out;
      for (int64_t begin = 0; begin < count; begin += kColumnsPerTask) {
        columns.push_back({&shape.groups[i], of_a, begin, std::min(count, begin + kColumnsPerTask)});
      }
    }
  }
  return columns;
}

/// dt = scale · dy · b, and dx += dt · a.
void input_gradient(ThreadPool& pool, const Control& control, const DndLowRank& shape, const float* dy, float* dt,
                    float* dx) {
  const std::vector<Piece> pieces = pieces_of(shape);
  const LanguageKernels& rows = language_kernels();
  const int64_t in = shape.in, out = shape.out, rank = shape.rank;
  TransposedB transposed(pool, shape, shape.scale);
  pool.parallel_for(static_cast<int64_t>(pieces.size()), [&](int64_t task, int thread) {
    control.throw_if_cancelled();
    const Piece& piece = pieces[task];
    const float* const b = transposed.of(*piece.group, thread);
    for (int64_t row = piece.begin; row < piece.end; row += kMaxDotRows) {
      const int64_t here = std::min<int64_t>(kMaxDotRows, piece.end - row);
      rows.dot[kDndFloat32Weight](dy + row * out, out, here, b, out, rank, out, dt + row * rank, rank);
    }
    for (int64_t row = piece.begin; dx != nullptr && row < piece.end; ++row) {
      rows.weighted_rows(dt + row * rank, 1, rank, piece.group->a, in, in, true, dx + row * in);
    }
    const int64_t widths = dx != nullptr ? in + out : out;
    control.advance(static_cast<double>((piece.end - piece.begin) * rank) * static_cast<double>(widths));
  });
}

}  // namespace

/// Gradients of the matrices are divided over their columns: a sum over rows then has their order.
void low_rank_gradient(ThreadPool& pool, const Control& control, const DndLowRank& shape, const float* x,
                       const float* t, const float* dy, bool accumulate, float* dt, float* dx) {
  input_gradient(pool, control, shape, dy, dt, dx);
  const std::vector<Columns> columns = columns_of(shape);
  const LanguageKernels& isa = language_kernels();
  const int64_t in = shape.in, out = shape.out, rank = shape.rank;
  const Memory scratch(pool.threads() * rank * kColumnsPerTask * sizeof(float));
  pool.parallel_for(static_cast<int64_t>(columns.size()), [&](int64_t task, int thread) {
    control.throw_if_cancelled();
    const Columns& own = columns[task];
    const int64_t count = own.end - own.begin, row = own.group->first_row, rows = own.group->rows;
    float* const sums = scratch.floats() + thread * rank * kColumnsPerTask;  // [rank, count]
    if (own.of_a) {
      isa.sum_products(dt + row * rank, rank, rank, rows, x + row * in + own.begin, in, count, sums, count);
    } else {
      isa.sum_products(t + row * rank, rank, rank, rows, dy + row * out + own.begin, out, count, sums, count);
    }
    float* const gradient = own.of_a ? own.group->a_gradient + own.begin : own.group->b_gradient + own.begin * rank;
    const int64_t rank_stride = own.of_a ? in : 1, column_stride = own.of_a ? 1 : rank;
    for (int64_t r = 0; r < rank; ++r) {
      for (int64_t i = 0; i < count; ++i) {
        float& target = gradient[r * rank_stride + i * column_stride];
        target = accumulate ? target + sums[r * count + i] : sums[r * count + i];
      }
    }
    control.advance(static_cast<double>(rows * rank) * static_cast<double>(count));
  });
}

}  // namespace dnd::cpu
