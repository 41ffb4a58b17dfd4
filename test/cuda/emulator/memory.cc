#include "test/cuda/emulator/memory.h"

#include <cstdlib>
#include <deque>
#include <map>
#include <new>
#include <set>

#include "test/cuda/emulator/poison.h"

namespace dnd::cuda::emulator {
namespace {

constexpr size_t kAlignment = 256;
constexpr size_t kKeptBytes = 16 << 20;  ///< of released memory
constexpr size_t kKeptAllocations = 256;

struct Allocation {
  unsigned char* data;
  size_t bytes;
  int device;
  int64_t number;

  unsigned char* raw() const { return data - kGuardBytes; }
  uintptr_t begin() const { return reinterpret_cast<uintptr_t>(data); }
  uintptr_t end() const { return begin() + bytes; }

  std::string name() const {
    return (device == kHost ? "page-locked allocation " : "allocation ") + std::to_string(number) + " (" +
           std::to_string(bytes) + " bytes)";
  }
};

/// Never destroyed: other threads may be at work when the process ends.
struct Registry {
  std::map<uintptr_t, Allocation> live;
  std::deque<Allocation> released;
  size_t released_bytes = 0;
  std::map<int, int64_t> bytes;   ///< of each device
  std::set<uintptr_t> forgotten;  ///< live at a reset, so that owners may release them
  int64_t count = 0;
  uintptr_t last_begin = 0, last_end = 0;  ///< of the device allocation that was looked up last
};
Registry& registry() {
  static auto* const instance = new Registry;
  return *instance;
}

std::string guard_problem(const Allocation& allocation) {
  if (const auto before = last_written(allocation.raw(), kGuardBytes)) {
    return "wrote " + std::to_string(kGuardBytes - *before) + " bytes before " + allocation.name();
  }
  if (const auto behind = first_written(allocation.data + allocation.bytes, kGuardBytes)) {
    return "wrote at byte " + std::to_string(allocation.bytes + *behind) + " of " + allocation.name();
  }
  return "";
}

std::string released_problem(const Allocation& allocation) {
  const auto written = first_written(allocation.raw(), kGuardBytes + allocation.bytes + kGuardBytes);
  if (!written) return "";
  return "wrote at byte " + std::to_string(static_cast<int64_t>(*written) - static_cast<int64_t>(kGuardBytes)) +
         " of " + allocation.name() + ", which had been released";
}

void drop_oldest(Registry& all) {
  std::free(all.released.front().raw());
  all.released_bytes -= all.released.front().bytes;
  all.released.pop_front();
}

/// The live allocation that holds this address, or null.
const Allocation* find(uintptr_t address) {
  const auto& live = registry().live;
  auto next = live.upper_bound(address);
  if (next == live.begin()) return nullptr;
  const Allocation& found = std::prev(next)->second;
  return address < found.end() ? &found : nullptr;
}

}  // namespace

void* allocate_memory(int device, size_t bytes) {
  const size_t whole = (kGuardBytes + bytes + kGuardBytes + kAlignment - 1) / kAlignment * kAlignment;
  auto* raw = static_cast<unsigned char*>(std::aligned_alloc(kAlignment, whole));
  if (raw == nullptr) throw std::bad_alloc();
  forbid(raw, whole);
  poison(raw + kGuardBytes, bytes);
  Registry& all = registry();
  const Allocation allocation{raw + kGuardBytes, bytes, device, ++all.count};
  all.forgotten.erase(allocation.begin());
  all.live.emplace(allocation.begin(), allocation);
  all.bytes[device] += static_cast<int64_t>(bytes);
  return allocation.data;
}

bool release_memory(bool host, void* memory, std::string& problem) {
  Registry& all = registry();
  if (all.forgotten.erase(reinterpret_cast<uintptr_t>(memory)) != 0) return true;
  const auto found = all.live.find(reinterpret_cast<uintptr_t>(memory));
  if (found == all.live.end() || (found->second.device == kHost) != host) return false;
  const Allocation allocation = found->second;
  problem = guard_problem(allocation);
  all.live.erase(found);
  all.bytes[allocation.device] -= static_cast<int64_t>(allocation.bytes);
  all.last_begin = all.last_end = 0;
  forbid(allocation.raw(), kGuardBytes + allocation.bytes + kGuardBytes);
  all.released.push_back(allocation);
  all.released_bytes += allocation.bytes;
  while (all.released_bytes > kKeptBytes || all.released.size() > kKeptAllocations) {
    if (problem.empty()) problem = released_problem(all.released.front());
    drop_oldest(all);
  }
  return true;
}

bool inside_allocation(const void* pointer, size_t bytes) {
  Registry& all = registry();
  const auto begin = reinterpret_cast<uintptr_t>(pointer);
  if (begin >= all.last_begin && begin + bytes <= all.last_end) return true;
  const Allocation* found = find(begin);
  if (found == nullptr || found->device == kHost || begin + bytes > found->end()) return false;
  all.last_begin = found->begin();
  all.last_end = found->end();
  return true;
}

bool touches_allocation(const void* pointer, size_t bytes) {
  const auto begin = reinterpret_cast<uintptr_t>(pointer);
  for (const uintptr_t address : {begin, begin + bytes - 1}) {
    const Allocation* found = find(address);
    if (found != nullptr && found->device != kHost) return true;
  }
  return false;
}

std::string check_guards(const std::string& after) {
  for (const auto& [begin, allocation] : registry().live) {
    const std::string problem = guard_problem(allocation);
    if (!problem.empty()) return after + " " + problem;
  }
  return "";
}

std::string check_released(const std::string& after) {
  for (const Allocation& allocation : registry().released) {
    const std::string problem = released_problem(allocation);
    if (!problem.empty()) return after + " " + problem;
  }
  return "";
}

int64_t live_bytes(int device) { return registry().bytes[device]; }

int64_t live_device_bytes() {
  int64_t sum = 0;
  for (const auto& [device, bytes] : registry().bytes) sum += device == kHost ? 0 : bytes;
  return sum;
}

void reset_memory() {
  Registry& all = registry();
  for (const auto& [begin, allocation] : all.live) {
    all.forgotten.insert(begin);
    std::free(allocation.raw());
  }
  all.live.clear();
  while (!all.released.empty()) drop_oldest(all);
  all.bytes.clear();
  all.count = 0;
  all.last_begin = all.last_end = 0;
}

}  // namespace dnd::cuda::emulator
