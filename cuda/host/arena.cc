#include "cuda/host/arena.h"

#include <algorithm>
#include <utility>

#include "core/integers.h"

namespace dnd::cuda {
namespace {

/// For what allocations round up: a pass has a dozen at the same time.
constexpr int64_t kRounding = 64 * static_cast<int64_t>(BestFit::kGranule);

}  // namespace

bool Arena::reset(int64_t bytes) {
  if (this->bytes() >= bytes) {
    for (Part& part : parts_) part.places.clear();
    return false;
  }
  parts_.clear();
  add(bytes + kRounding);
  return true;
}

void* Arena::take(size_t bytes) {
  for (Part& part : parts_) {
    const size_t place = part.places.take(bytes);
    if (place != BestFit::kNone) return part.block.data() + place;
  }
  return nullptr;
}

void Arena::extend(size_t bytes) {
  add(round_up(std::max<int64_t>(1, static_cast<int64_t>(std::min<size_t>(bytes, INT64_MAX / 2))), BestFit::kGranule));
}

bool Arena::give_back(void* address) {
  std::byte* const at = static_cast<std::byte*>(address);
  for (Part& part : parts_) {
    if (at < part.block.data() || at >= part.block.data() + part.block.bytes()) continue;
    part.places.give_back(static_cast<size_t>(at - part.block.data()));
    return true;
  }
  return false;
}

int64_t Arena::bytes() const {
  int64_t sum = 0;
  for (const Part& part : parts_) sum += part.block.bytes();
  return sum;
}

void Arena::add(int64_t bytes) {
  parts_.reserve(parts_.size() + 1);
  DeviceMemory::Block block = memory_.allocate(static_cast<size_t>(bytes), "the memory of a forward pass");
  BestFit places(static_cast<size_t>(block.bytes()));
  parts_.push_back({std::move(block), std::move(places)});
}

}  // namespace dnd::cuda
