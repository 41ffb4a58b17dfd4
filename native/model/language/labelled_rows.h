#pragma once

#include <cstddef>
#include <cstdint>

#include "model/language/batch.h"

namespace dnd {

/// What predicts the labels [tokens] of sequences [begin, end) of a batch, ordered by their adapters. Rows without
/// influence on a prediction are left out, and rows that are the same in several sequences are there once (prefixes.h).
CausalRows labelled_rows(const CausalBatch& batch, size_t begin, size_t end, const int32_t* labels);

}  // namespace dnd
