#pragma once

#include <cstdint>
#include <vector>

#include "core/job.h"
#include "model/language/batch.h"
#include "model/language/runtime.h"
#include "model/language/sampling.h"

namespace dnd {

struct GenerationSettings {
  int64_t max_new_tokens = 1;
  std::vector<int32_t> end_ids = {};
  SamplingSettings sampling = {};
  std::vector<uint64_t> streams = {};  ///< of each sequence: which random numbers it draws
};

struct GeneratedSequence {
  std::vector<int32_t> ids;  ///< without prompt and end id
  bool ended = false;        ///< with an end id
};

/// Continues each sequence until an end id, max_new_tokens, or the model's last position: its prompt fills the
/// key–value cache, then every step adds a token to all sequences that have not ended.
/// Error(kInvalidArgument) as check_batch, and for settings that make no sense; Error(kOutOfMemory), Error(kAborted).
std::vector<GeneratedSequence> generate(CausalRuntime& runtime, const CausalBatch& batch,
                                        const GenerationSettings& settings, Job& job);

/// Memory of `generate`, key–value cache included.
int64_t generation_bytes(const CausalRuntime& runtime, const CausalBatch& batch, int64_t max_new_tokens);

}  // namespace dnd
