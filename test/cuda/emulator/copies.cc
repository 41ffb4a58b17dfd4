#include "test/cuda/emulator/copies.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "test/cuda/emulator/block.h"
#include "test/cuda/emulator/memory.h"
#include "test/cuda/emulator/poison.h"
#include "toolkit/device_code.h"

namespace dnd::cuda::emulator {
namespace {

constexpr size_t kBytes = 16;

/// A thread's copies under way, oldest first: those of closed groups, then those of the open one. They take effect at
/// the wait and not before; from the start on the destination is poison, as it may change at any time.
struct Copies {
  struct Copy {
    void* shared;
    const void* global;  ///< null: zeros
  };
  std::vector<Copy> copies;
  std::vector<size_t> group_ends;
  size_t done_copies = 0, done_groups = 0;

  void land(size_t groups_left) {
    while (group_ends.size() - done_groups > groups_left) {
      for (const size_t end = group_ends[done_groups++]; done_copies < end; ++done_copies) {
        const Copy& copy = copies[done_copies];
        if (copy.global == nullptr) {
          std::memset(copy.shared, 0, kBytes);
        } else {
          std::memcpy(copy.shared, copy.global, kBytes);
        }
      }
    }
    if (done_copies < 256) return;
    copies.erase(copies.begin(), copies.begin() + static_cast<std::ptrdiff_t>(done_copies));
    group_ends.erase(group_ends.begin(), group_ends.begin() + static_cast<std::ptrdiff_t>(done_groups));
    for (size_t& end : group_ends) end -= done_copies;
    done_copies = done_groups = 0;
  }

  void clear() {
    copies.clear();
    group_ends.clear();
    done_copies = done_groups = 0;
  }
};

std::array<Copies, 1024> copies_of_threads;

}  // namespace

void reset_copies(unsigned thread) { copies_of_threads[thread].clear(); }

void copy_async_16(void* shared, const void* global, bool inside) {
  if (reinterpret_cast<uintptr_t>(shared) % kBytes != 0)
    fail("copy_async_16 to shared memory that is not 16-byte aligned");
  if (reinterpret_cast<uintptr_t>(global) % kBytes != 0) fail("copy_async_16 from memory that is not 16-byte aligned");
  if (!inside_shared(shared, kBytes)) fail("copy_async_16 to a place outside of the block's shared memory");
  if (inside && !inside_allocation(global, kBytes)) fail("copy_async_16 from a place outside of any allocation");
  poison(shared, kBytes);
  copies_of_threads[position.thread].copies.push_back({shared, inside ? global : nullptr});
}

void copy_async_commit() {
  Copies& own = copies_of_threads[position.thread];
  own.group_ends.push_back(own.copies.size());
}

void copy_async_wait(unsigned groups) { copies_of_threads[position.thread].land(groups); }

}  // namespace dnd::cuda::emulator
