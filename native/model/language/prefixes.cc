#include "model/language/prefixes.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <tuple>

namespace dnd {
namespace {

/// Shorter prefixes are not worth a sequence of their own.
constexpr int64_t kShortestPrefix = 4;
/// Longer runs would hardly save more, and finding them takes time.
constexpr size_t kLongestRun = 64;

/// A sequence of the batch.
struct Member {
  size_t index;
  int64_t adapter;
  const int32_t* ids;
  int64_t length;
  int64_t before_output;  ///< tokens before the one that predicts the first label
};

std::vector<Member> labelled_members(const CausalBatch& batch, size_t begin, size_t end, const int32_t* labels) {
  std::vector<Member> members;
  int64_t token = 0;
  for (size_t i = 0; i < end; token += batch.lengths[i++]) {
    if (i < begin) continue;
    const int64_t length = batch.lengths[i];
    const int32_t* const own = labels + token;
    const int32_t* const first =
        std::find_if(own + 1, own + length, [](int32_t label) { return label != kIgnoredLabel; });
    if (first == own + length) continue;
    members.push_back({i, batch.adapter_of(i), batch.ids + token, length, first - own - 1});
  }
  return members;
}

/// Sequences with the same first tokens become neighbours.
void sort_by_tokens(std::vector<Member>& members) {
  std::stable_sort(members.begin(), members.end(), [](const Member& a, const Member& b) {
    if (a.adapter != b.adapter) return a.adapter < b.adapter;
    return std::lexicographical_compare(a.ids, a.ids + a.length, b.ids, b.ids + b.length);
  });
}

/// Tokens that two sequences may share.
int64_t common_prefix(const Member& a, const Member& b) {
  if (a.adapter != b.adapter) return 0;
  const int64_t most = std::min(a.before_output, b.before_output);
  return std::mismatch(a.ids, a.ids + most, b.ids).first - a.ids;
}

/// The way to cut neighbours into runs that saves the most rows, by dynamic programming over their ends.
class Cuts {
 public:
  explicit Cuts(const std::vector<Member>& members) : best_(members.size() + 1) {
    for (size_t i = 1; i < members.size(); ++i) common_.push_back(common_prefix(members[i - 1], members[i]));
    for (size_t end = 1; end < best_.size(); ++end) best_[end] = best_before(end);
  }

  /// The last run of the first `end` members: where it begins, and its prefix.
  size_t begin_of(size_t end) const { return best_[end].begin; }
  int64_t prefix_of(size_t end) const { return best_[end].prefix; }

 private:
  struct Cut {
    size_t begin = 0;
    int64_t prefix = 0, saved = 0;
  };

  Cut best_before(size_t end) const {
    Cut best = {end - 1, 0, best_[end - 1].saved};
    int64_t prefix = INT64_MAX;
    for (size_t begin = end - 1; begin > 0 && end - begin < kLongestRun;) {
      prefix = std::min(prefix, common_[--begin]);
      if (prefix < kShortestPrefix) break;
      const int64_t saved = best_[begin].saved + static_cast<int64_t>(end - begin - 1) * prefix;
      if (saved > best.saved) best = {begin, prefix, saved};
    }
    return best;
  }

  std::vector<int64_t> common_;  ///< of each member and the next
  std::vector<Cut> best_;        ///< of the first 0, 1, … members
};

}  // namespace

std::vector<PrefixRun> prefix_runs(const CausalBatch& batch, size_t begin, size_t end, const int32_t* labels) {
  std::vector<Member> members = labelled_members(batch, begin, end, labels);
  sort_by_tokens(members);
  const Cuts cuts(members);
  std::vector<PrefixRun> runs;
  for (size_t last = members.size(); last > 0; last = cuts.begin_of(last)) {
    PrefixRun run{.sequences = {}, .prefix = cuts.prefix_of(last)};
    for (size_t i = cuts.begin_of(last); i < last; ++i) run.sequences.push_back(members[i].index);
    runs.push_back(std::move(run));
  }
  std::reverse(runs.begin(), runs.end());
  return runs;
}

}  // namespace dnd
