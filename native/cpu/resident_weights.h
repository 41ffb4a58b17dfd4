#pragma once

#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <optional>

#include "core/thread_pool.h"
#include "cpu/gemm/bfloat16_gemm.h"
#include "cpu/isa/stored_weight.h"

namespace dnd::cpu {

/// Weights [out, in] of linear layers in bfloat16, by the address of the parameter: what a device of kDndBfloat16
/// multiplies with.
class ResidentWeights {
 public:
  /// For y = x · weightᵀ, unless it is there. Returns the bytes that were added.
  int64_t add(ThreadPool& pool, DndWeight weight, int64_t out, int64_t in) {
    return add(forward_, pool, in, out, {weight, 1, in});
  }
  /// For dx = dy · weight.
  int64_t add_gradient(ThreadPool& pool, DndWeight weight, int64_t out, int64_t in) {
    return add(gradient_, pool, out, in, {weight, in, 1});
  }

  /// A weight [out, in] that was added, or some of its rows; nothing if it was not.
  std::optional<Bfloat16Columns> find(DndWeight weight, int64_t out, int64_t in) const {
    const auto after = forward_.upper_bound(weight.values);
    if (after == forward_.begin()) return std::nullopt;
    const auto& [begin, matrix] = *std::prev(after);
    const int64_t row_bytes = in * bytes_of(weight.type);
    const int64_t offset = static_cast<const char*>(weight.values) - static_cast<const char*>(begin);
    const int64_t first = offset / row_bytes;
    if (matrix.rows() != in || offset % row_bytes != 0 || first + out > matrix.columns()) return std::nullopt;
    return matrix.part(first, out);
  }
  /// Null for a weight that was not added.
  const Bfloat16Matrix* find_gradient(DndWeight weight) const {
    const auto found = gradient_.find(weight.values);
    return found == gradient_.end() ? nullptr : &found->second;
  }

  /// Returns the bytes that were freed.
  int64_t clear() {
    int64_t bytes = 0;
    for (Matrices* matrices : {&forward_, &gradient_}) {
      for (const auto& [weight, matrix] : *matrices) bytes += matrix.bytes();
      matrices->clear();
    }
    return bytes;
  }

 private:
  using Matrices = std::map<const void*, Bfloat16Matrix, std::less<>>;

  static int64_t add(Matrices& matrices, ThreadPool& pool, int64_t k, int64_t n, WeightView b) {
    if (matrices.contains(b.data.values)) return 0;
    return matrices.emplace(b.data.values, Bfloat16Matrix(pool, k, n, b)).first->second.bytes();
  }
  Matrices forward_, gradient_;
};

}  // namespace dnd::cpu
