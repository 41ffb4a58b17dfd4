#pragma once

#include <cstdint>
#include <unordered_map>

#include "core/thread_pool.h"
#include "cpu/gemm/bfloat16_gemm.h"

namespace dnd::cpu {

/// Weights [out, in] of linear layers in bfloat16, by the address of the parameter: what a device of kDndBfloat16
/// multiplies with.
class ResidentWeights {
 public:
  /// For y = x · weightᵀ, unless it is there. Returns the bytes that were added.
  int64_t add(ThreadPool& pool, const float* weight, int64_t out, int64_t in) {
    return add(forward_, pool, weight, in, out, {weight, 1, in});
  }
  /// For dx = dy · weight.
  int64_t add_gradient(ThreadPool& pool, const float* weight, int64_t out, int64_t in) {
    return add(gradient_, pool, weight, out, in, {weight, in, 1});
  }

  /// Null for a weight that was not added.
  const Bfloat16Matrix* find(const float* weight) const { return find(forward_, weight); }
  const Bfloat16Matrix* find_gradient(const float* weight) const { return find(gradient_, weight); }

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
  using Matrices = std::unordered_map<const float*, Bfloat16Matrix>;

  static int64_t add(Matrices& matrices, ThreadPool& pool, const float* weight, int64_t k, int64_t n, MatrixView b) {
    if (matrices.contains(weight)) return 0;
    return matrices.emplace(weight, Bfloat16Matrix(pool, k, n, b)).first->second.bytes();
  }
  static const Bfloat16Matrix* find(const Matrices& matrices, const float* weight) {
    const auto found = matrices.find(weight);
    return found == matrices.end() ? nullptr : &found->second;
  }

  Matrices forward_, gradient_;
};

}  // namespace dnd::cpu
