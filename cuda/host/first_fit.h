#pragma once

#include <cstddef>
#include <map>

namespace dnd::cuda {

/// Which bytes of a range are taken: first fit, so that the same calls give the same places.
class FirstFit {
 public:
  static constexpr size_t kGranule = 256;  ///< sizes and places are multiples of it
  static constexpr size_t kNone = SIZE_MAX;

  explicit FirstFit(size_t bytes) : bytes_(bytes / kGranule * kGranule) {}

  /// Where `bytes` (at least one granule) begin, or kNone where there is no hole of that size.
  size_t take(size_t bytes) {
    if (bytes > bytes_) return kNone;
    const size_t size = bytes == 0 ? kGranule : (bytes + kGranule - 1) / kGranule * kGranule;
    size_t place = 0;
    for (const auto& [begin, taken] : taken_) {
      if (begin - place >= size) break;
      place = begin + taken;
    }
    if (bytes_ - place < size) return kNone;
    taken_.emplace(place, size);
    return place;
  }

  /// What begins at `place` is free again; false where nothing does.
  bool give_back(size_t place) { return taken_.erase(place) > 0; }
  void clear() { taken_.clear(); }
  size_t bytes() const { return bytes_; }

 private:
  size_t bytes_;
  std::map<size_t, size_t> taken_;  ///< place → bytes
};

}  // namespace dnd::cuda
