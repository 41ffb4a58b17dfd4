#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/language/batch.h"

namespace dnd {

/// Sequences of one adapter that begin with the same tokens: their hidden states are the same over these, and are
/// computed once.
struct PrefixRun {
  std::vector<size_t> sequences;  ///< of the batch
  int64_t prefix = 0;             ///< tokens that are the same; 0: nothing is shared
};

/// The sequences [begin, end) of a batch that have labels [tokens] to predict, by their adapters, in runs that together
/// leave about the fewest rows to compute. The rows that predict are in no prefix.
std::vector<PrefixRun> prefix_runs(const CausalBatch& batch, size_t begin, size_t end, const int32_t* labels);

}  // namespace dnd
