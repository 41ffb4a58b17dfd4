#include "model/language/sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/philox.h"

namespace dnd {
namespace {

int32_t most_likely(const float* logits, int64_t vocabulary) {
  return static_cast<int32_t>(std::max_element(logits, logits + vocabulary) - logits);
}

/// Uniform in (0, 1), 2⁵³ steps.
double uniform(uint64_t seed, uint64_t stream, uint64_t position) {
  const auto low = [](uint64_t value) { return static_cast<uint32_t>(value); };
  const auto high = [](uint64_t value) { return static_cast<uint32_t>(value >> 32); };
  const auto words = philox({low(position), high(position), low(stream), high(stream)}, {low(seed), high(seed)});
  const uint64_t bits = (static_cast<uint64_t>(words[0] >> 5) << 26) | (words[1] >> 6);
  return (static_cast<double>(bits) + 0.5) / 9007199254740992.0;
}

struct Candidate {
  int32_t id;
  double weight;  ///< probability times a constant
};

/// More likely ones first, of equal ones the smaller id.
bool before(const Candidate& a, const Candidate& b) { return a.weight != b.weight ? a.weight > b.weight : a.id < b.id; }

/// The most likely ones, whose probabilities together reach `share`; they become sorted.
void keep_share(std::vector<Candidate>& candidates, double share, double total) {
  std::sort(candidates.begin(), candidates.end(), before);
  double sum = 0;
  size_t kept = 0;
  while (kept < candidates.size() && sum < share * total) sum += candidates[kept++].weight;
  candidates.resize(std::max<size_t>(kept, 1));
}

double sum_of(const std::vector<Candidate>& candidates) {
  return std::accumulate(candidates.begin(), candidates.end(), 0.0,
                         [](double sum, const Candidate& candidate) { return sum + candidate.weight; });
}

}  // namespace

int32_t choose_token(const float* logits, int64_t vocabulary, const SamplingSettings& settings, uint64_t stream,
                     int64_t position) {
  const int32_t best = most_likely(logits, vocabulary);
  if (settings.temperature == 0) return best;
  std::vector<Candidate> candidates(static_cast<size_t>(vocabulary));
  for (int32_t id = 0; id < vocabulary; ++id) {
    const double difference = static_cast<double>(logits[id]) - static_cast<double>(logits[best]);
    candidates[static_cast<size_t>(id)] = {id, std::exp(difference / settings.temperature)};
  }
  if (settings.top_k > 0 && settings.top_k < vocabulary) {
    const auto end = candidates.begin() + settings.top_k;
    std::nth_element(candidates.begin(), end - 1, candidates.end(), before);
    candidates.erase(end, candidates.end());
    std::sort(candidates.begin(), candidates.end(), before);
  }
  if (settings.top_p < 1) keep_share(candidates, settings.top_p, sum_of(candidates));
  double left = uniform(settings.seed, stream, static_cast<uint64_t>(position)) * sum_of(candidates);
  for (const Candidate& candidate : candidates) {
    left -= candidate.weight;
    if (left < 0) return candidate.id;
  }
  return best;  // rounding, or logits that are not finite
}

}  // namespace dnd
