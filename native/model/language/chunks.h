#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/language/config.h"

namespace dnd {

/// The end of the chunk of sequences from `begin` on that pass through the model together: as many as have `rows` rows,
/// at least one.
size_t chunk_end(const std::vector<int64_t>& lengths, size_t begin, int64_t rows);

/// Rows of a chunk whose activations fill a workspace; `with_logits`: of every row. The results of rows do not depend
/// on it.
int64_t chunk_rows(const CausalConfig& config, bool with_logits);

}  // namespace dnd
