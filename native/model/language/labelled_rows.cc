#include "model/language/labelled_rows.h"

#include <numeric>
#include <vector>

#include "model/language/prefixes.h"

namespace dnd {
namespace {

/// Appends a sequence's rows from position `begin` on, up to the last one that predicts a label.
void append_labelled(CausalRows& rows, const CausalBatch& batch, size_t sequence, int64_t token, const int32_t* labels,
                     int64_t begin, int64_t shared_begin) {
  const int64_t first = rows.rows() - begin;
  int64_t end = begin;
  for (int64_t position = begin; position + 1 < batch.lengths[sequence]; ++position) {
    const int32_t label = labels[token + position + 1];
    if (label == kIgnoredLabel) continue;
    rows.outputs.push_back(static_cast<int32_t>(first + position));
    rows.labels.push_back(label);
    rows.label_sequences.push_back(sequence);
    end = position + 1;
  }
  rows.append(batch.ids + token + begin, end - begin, begin, batch.adapter_of(sequence), shared_begin);
}

}  // namespace

CausalRows labelled_rows(const CausalBatch& batch, size_t begin, size_t end, const int32_t* labels) {
  std::vector<int64_t> tokens(batch.lengths.size());
  std::exclusive_scan(batch.lengths.begin(), batch.lengths.end(), tokens.begin(), int64_t{0});
  CausalRows rows;
  for (const PrefixRun& run : prefix_runs(batch, begin, end, labels)) {
    const int64_t shared_begin = rows.rows();
    if (run.prefix > 0) {
      const size_t any = run.sequences.front();
      rows.append(batch.ids + tokens[any], run.prefix, 0, batch.adapter_of(any));
    }
    for (const size_t i : run.sequences) append_labelled(rows, batch, i, tokens[i], labels, run.prefix, shared_begin);
  }
  return rows;
}

}  // namespace dnd
