#include <algorithm>
#include <cmath>
#include <vector>

#include "core/integers.h"
#include "core/memory.h"
#include "cpu/isa/language_kernels.h"
#include "cpu/language/attention_rows.h"
#include "cpu/language/operations.h"

namespace dnd::cpu {
namespace {

constexpr int64_t kQueriesPerTask = 32;

/// Some queries of one sequence.
struct Queries {
  int64_t sequence, begin, end;
};

std::vector<Queries> blocks_of(const DndCausalAttention& shape) {
  std::vector<Queries> blocks;
  for (int64_t s = 0; s < shape.sequences; ++s) {
    const int64_t end = shape.query_offsets[s + 1];
    for (int64_t row = shape.query_offsets[s]; row < end; row += kQueriesPerTask) {
      blocks.push_back({s, row, std::min(end, row + kQueriesPerTask)});
    }
  }
  return blocks;
}

}  // namespace

void causal_attention(ThreadPool& pool, const Control& control, const DndCausalAttention& shape, const float* q,
                      const float* k, const float* v, float* y, float* log_sums) {
  const std::vector<Queries> blocks = blocks_of(shape);
  const LanguageKernels& isa = language_kernels();
  const AttentionRows rows(shape);
  const int64_t longest = rows.longest_keys();
  const DotKernel dot = isa.dot[kDndFloat32Weight];
  const Memory scratch(pool.threads() * longest * sizeof(float));
  pool.parallel_for(static_cast<int64_t>(blocks.size()) * shape.heads, [&](int64_t task, int thread) {
    control.throw_if_cancelled();
    const Queries& block = blocks[task / shape.heads];
    const int64_t head = task % shape.heads;
    float* const scores = scratch.floats() + thread * longest;
    double products = 0;
    for (int64_t row = block.begin; row < block.end; ++row) {
      const Range keys = rows.keys_of(block.sequence, row);
      const int64_t query = row * shape.heads + head;
      rows.each_run(block.sequence, keys, [&](int64_t first, Range run) {
        dot(q + query * shape.head_width, 0, 1, rows.key(k, first, head), rows.key_stride(), run.size(),
            shape.head_width, scores + (run.begin - keys.begin), 0);
      });
      isa.scale(rows.scale(), keys.size(), scores);
      const float most = isa.largest(scores, keys.size());
      const double sum = isa.exponentials(scores, most, keys.size(), scores);
      float* const target = y + query * shape.head_width;
      rows.each_run(block.sequence, keys, [&](int64_t first, Range run) {
        isa.weighted_rows(scores + (run.begin - keys.begin), 1, run.size(), rows.key(v, first, head), rows.key_stride(),
                          shape.head_width, run.begin > keys.begin, target);
      });
      isa.scale(static_cast<float>(1.0 / sum), shape.head_width, target);
      if (log_sums != nullptr) log_sums[query] = static_cast<float>(static_cast<double>(most) + std::log(sum));
      products += 2.0 * static_cast<double>(keys.size() * shape.head_width);
    }
    control.advance(products);
  });
}

}  // namespace dnd::cpu
