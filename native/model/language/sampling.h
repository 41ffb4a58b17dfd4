#pragma once

#include <cstdint>
#include <vector>

namespace dnd {

struct SamplingSettings {
  double temperature = 0;  ///< 0: the most likely token, of several the one with the smallest id
  int64_t top_k = 0;       ///< only so many of the most likely tokens; 0: all
  double top_p = 1;        ///< only the most likely tokens whose probabilities together reach it (Holtzman et al. 2020)
  uint64_t seed = 0;
};

/// Chooses the token at `position` of the sequence that draws from `stream`. Its random number is that of the Philox
/// block with counter (position as 64 bits, stream as 64 bits) and key `seed`, whatever else is drawn.
int32_t choose_token(const float* logits, int64_t vocabulary, const SamplingSettings& settings, uint64_t stream,
                     int64_t position);

}  // namespace dnd
