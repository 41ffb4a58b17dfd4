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

constexpr int64_t kBlockQueries = 32;

/// Gradients of keys and values: of a sequence's own in dk and dv, of those that it shares in a part of `shared`, from
/// where add_shared takes them.
class KeyGradients {
 public:
  KeyGradients(const DndCausalAttention& shape, float* shared, float* dk, float* dv)
      : shape_(shape), rows_(shape), shared_(shared), dk_(dk), dv_(dv) {
    for (int64_t s = 0; s < shape.sequences; ++s) parts_.push_back(parts_.back() + shape.shared_counts[s]);
  }

  /// Of the key at this position of the sequence, for a query's head.
  float* dk(int64_t sequence, int64_t key, int64_t head) const { return of(dk_, shared_, sequence, key, head); }
  float* dv(int64_t sequence, int64_t key, int64_t head) const {
    return of(dv_, shared_ + parts_.back() * rows_.key_stride(), sequence, key, head);
  }

  /// Adds the parts of the sequences, in their order, for a key–value head.
  void add_shared(int64_t kv_head) const {
    const int64_t head = kv_head * (shape_.heads / shape_.kv_heads);
    for (int64_t s = 0; s < shape_.sequences; ++s) {
      for (int64_t key = 0; key < shape_.shared_counts[s]; ++key) {
        const int64_t row = shape_.shared_begins[s] + key;
        isa_.add_scaled(dk(s, key, head), 1.0f, shape_.head_width, rows_.key(dk_, row, head));
        isa_.add_scaled(dv(s, key, head), 1.0f, shape_.head_width, rows_.key(dv_, row, head));
      }
    }
  }

 private:
  float* of(float* own, float* shared, int64_t sequence, int64_t key, int64_t head) const {
    const int64_t count = shape_.shared_counts[sequence];
    if (key < count) return rows_.key(shared, parts_[static_cast<size_t>(sequence)] + key, head);
    return rows_.key(own, shape_.key_begins[sequence] + key - count, head);
  }

  const DndCausalAttention& shape_;
  const AttentionRows rows_;
  float *const shared_, *const dk_, *const dv_;
  std::vector<int64_t> parts_ = {0};  ///< first row of each sequence's part
  const LanguageKernels& isa_ = language_kernels();
};

/// One sequence and the query heads of one key–value head: with p = exp(s − log sum) and D = Σ y · dy,
/// ds = p · (dy · v − D) / √head_width, dq = ds · k, dk = dsᵀ · q, dv = pᵀ · dy. Queries go in blocks; the
/// probabilities of a block and their gradients are two tables [queries, keys] in scratch.
class HeadGradient {
 public:
  HeadGradient(const DndCausalAttention& shape, const float* q, const float* k, const float* v, const float* y,
               const float* log_sums, const float* dy)
      : shape_(shape), rows_(shape), q_(q), k_(k), v_(v), y_(y), log_sums_(log_sums), dy_(dy) {}

  static int64_t scratch_floats(int64_t longest) { return 2 * kBlockQueries * longest; }

  void run(int64_t sequence, int64_t kv_head, float* scratch, const Control& control, float* dq,
           const KeyGradients& gradients) const {
    const int64_t group = shape_.heads / shape_.kv_heads, width = shape_.head_width;
    const int64_t begin = shape_.query_offsets[sequence], end = shape_.query_offsets[sequence + 1];
    const int64_t shared = shape_.shared_counts[sequence];
    for (int64_t key = 0; key < shared + end - begin; ++key) {
      std::fill_n(gradients.dk(sequence, key, kv_head * group), width, 0.0f);
      std::fill_n(gradients.dv(sequence, key, kv_head * group), width, 0.0f);
    }
    for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
      for (int64_t first = begin; first < end; first += kBlockQueries) {
        control.throw_if_cancelled();
        const int64_t last = std::min(end, first + kBlockQueries);
        // The keys of all of the block's queries: each begins and ends no earlier than the one before.
        const Range keys = {rows_.keys_of(sequence, first).begin, rows_.keys_of(sequence, last - 1).end};
        float* const p = scratch;
        float* const ds = scratch + kBlockQueries * keys.size();
        for (int64_t row = first; row < last; ++row) {
          const int64_t at = (row - first) * keys.size();
          query(sequence, row, head, keys, p + at, ds + at, dq + (row * shape_.heads + head) * width);
        }
        for (int64_t key = keys.begin; key < keys.end; ++key) {
          // Queries that attend to this key: from its own row on, up to where a window has left it behind.
          const int64_t from = std::max(first, begin + key - shared);
          int64_t to = last;
          while (to > from && rows_.keys_of(sequence, to - 1).begin > key) --to;
          const int64_t at = (from - first) * keys.size() + key - keys.begin, query_row = from * shape_.heads + head;
          isa_.weighted_rows(ds + at, keys.size(), to - from, q_ + query_row * width, shape_.heads * width, width, true,
                             gradients.dk(sequence, key, head));
          isa_.weighted_rows(p + at, keys.size(), to - from, dy_ + query_row * width, shape_.heads * width, width, true,
                             gradients.dv(sequence, key, head));
        }
        control.advance(5.0 * static_cast<double>((last - first) * keys.size() * width));
      }
    }
  }

 private:
  void query(int64_t sequence, int64_t row, int64_t head, Range keys, float* p, float* ds, float* dq) const {
    const int64_t width = shape_.head_width, stride = rows_.key_stride(), index = row * shape_.heads + head;
    const Range own = rows_.keys_of(sequence, row);
    float *const own_p = p + (own.begin - keys.begin), *const own_ds = ds + (own.begin - keys.begin);
    const DotKernel dot = isa_.dot[kDndFloat32Weight];
    rows_.each_run(sequence, own, [&](int64_t first, Range run) {
      const int64_t at = run.begin - own.begin;
      dot(q_ + index * width, 0, 1, rows_.key(k_, first, head), stride, run.size(), width, own_p + at, 0);
      dot(dy_ + index * width, 0, 1, rows_.key(v_, first, head), stride, run.size(), width, own_ds + at, 0);
    });
    isa_.scale(rows_.scale(), own.size(), own_p);
    isa_.exponentials(own_p, log_sums_[index], own.size(), own_p);
    float product;
    dot(dy_ + index * width, 0, 1, y_ + index * width, 0, 1, width, &product, 0);
    isa_.score_gradient(own_p, product, rows_.scale(), own.size(), own_ds);
    rows_.each_run(sequence, own, [&](int64_t first, Range run) {
      const int64_t at = run.begin - own.begin;
      isa_.weighted_rows(own_ds + at, 1, run.size(), rows_.key(k_, first, head), stride, width, at > 0, dq);
    });
  }

  const DndCausalAttention& shape_;
  const AttentionRows rows_;
  const float *q_, *k_, *v_, *y_, *log_sums_, *dy_;
  const LanguageKernels& isa_ = language_kernels();
};

}  // namespace

void causal_attention_gradient(ThreadPool& pool, const Control& control, const DndCausalAttention& shape,
                               const float* q, const float* k, const float* v, const float* y, const float* log_sums,
                               const float* dy, float* shared, float* dq, float* dk, float* dv) {
  const HeadGradient gradient(shape, q, k, v, y, log_sums, dy);
  const KeyGradients key_gradients(shape, shared, dk, dv);
  const int64_t scratch_floats = HeadGradient::scratch_floats(AttentionRows(shape).longest_keys());
  const Memory scratch(pool.threads() * scratch_floats * sizeof(float));
  pool.parallel_for(shape.sequences * shape.kv_heads, [&](int64_t task, int thread) {
    gradient.run(task / shape.kv_heads, task % shape.kv_heads, scratch.floats() + thread * scratch_floats, control, dq,
                 key_gradients);
  });
  pool.parallel_for(shape.kv_heads, [&](int64_t kv_head, int) {
    control.throw_if_cancelled();
    key_gradients.add_shared(kv_head);
  });
}

}  // namespace dnd::cpu
