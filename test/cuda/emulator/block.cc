#include "test/cuda/emulator/block.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

#include "test/cuda/emulator/copies.h"
#include "test/cuda/emulator/fiber.h"
#include "test/cuda/emulator/poison.h"
#include "test/cuda/emulator/random.h"
#include "toolkit/device_code.h"

namespace dnd::cuda::emulator {

Position position;

namespace {

constexpr unsigned kWarp = 32;
constexpr unsigned kMaximumThreads = 1024;
constexpr uint32_t kAllLanes = 0xffffffff;

/// Unwinds a thread of a kernel that has failed.
struct Abandoned {};

/// Lanes of a warp, as bits.
struct Warp {
  uint32_t lanes;       ///< that there are
  uint32_t runnable;    ///< neither waiting nor finished
  uint32_t joined;      ///< wait at `operation`
  uint32_t at_barrier;  ///< wait at the block's barrier
  uint32_t suspended;   ///< were left in the middle, whether they can continue or not
  uint32_t exited;
  const char* operation;
  std::array<void*, kWarp> operands;
};

/// The block that runs. There is one: all kernels run under the runtime's lock.
struct Block {
  const Kernel* kernel = nullptr;
  unsigned warps = 0;
  unsigned waiting = 0;  ///< threads at the barrier
  unsigned exited = 0;
  bool abandoning = false;
  std::string failure;
  std::array<Warp, kMaximumThreads / kWarp> warp;
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::unique_ptr<unsigned char[]> shared_memory;
};
Block block;

Warp& own_warp() { return block.warp[position.thread / kWarp]; }
uint32_t own_bit() { return uint32_t{1} << position.thread % kWarp; }

void wait() {
  own_warp().suspended |= own_bit();
  block.fibers[position.thread]->leave();
  own_warp().suspended &= ~own_bit();
  if (block.abandoning) throw Abandoned();
}

std::string place() {
  char text[256];
  std::snprintf(text, sizeof text, "kernel \"%s\", block (%u, %u, %u)", block.kernel->name, position.block.x,
                position.block.y, position.block.z);
  return text;
}

void set_failure(const std::string& sentence) {
  if (block.failure.empty()) block.failure = sentence;
}

/// What every fiber does: one thread after another.
void run_threads() {
  for (;;) {
    try {
      block.kernel->thread();
    } catch (const Abandoned&) {
    } catch (const std::exception& error) {
      set_failure(place() + ", thread " + std::to_string(position.thread) + ": " + error.what());
    }
    Warp& warp = own_warp();
    warp.runnable &= ~own_bit();
    warp.exited |= own_bit();
    ++block.exited;
    reset_copies(position.thread);
    block.fibers[position.thread]->leave();
  }
}

/// A few hundred orders of the lanes, the same in every run; which of them is used when comes from the seed.
const std::vector<std::array<uint8_t, kWarp>>& lane_orders() {
  static const auto orders = [] {
    std::vector<std::array<uint8_t, kWarp>> result(256);
    Random random(1);
    for (auto& order : result) {
      std::iota(order.begin(), order.end(), uint8_t{0});
      for (unsigned i = kWarp - 1; i > 0; --i) std::swap(order[i], order[random.below(i + 1)]);
    }
    return result;
  }();
  return orders;
}

void resume(unsigned thread) {
  position.thread = thread;
  block.fibers[thread]->resume();
}

/// The threads that will never continue, as text.
std::string deadlock() {
  std::string waits, other;
  for (unsigned thread = 0; thread < block.kernel->block; ++thread) {
    const Warp& warp = block.warp[thread / kWarp];
    const uint32_t bit = uint32_t{1} << thread % kWarp;
    const std::string name = "thread " + std::to_string(thread);
    if (warp.joined & bit) {
      // Lanes of the same warp that are elsewhere are what it waits for.
      waits = name + " waits at " + warp.operation;
      for (unsigned lane = 0; lane < kWarp; ++lane) {
        const std::string lane_name = "thread " + std::to_string(thread / kWarp * kWarp + lane);
        if (warp.exited >> lane & 1) return waits + ", which " + lane_name + " of its warp left out and ended";
        if (warp.at_barrier >> lane & 1) return waits + ", but " + lane_name + " of its warp waits at block_barrier";
      }
    }
    if (warp.at_barrier & bit && waits.empty()) waits = name + " waits at block_barrier";
    if (warp.exited & bit && other.empty()) other = name;
  }
  return waits + ", which " + other + " left out and ended";
}

/// Releases the barrier when all are there; returns whether any thread can continue.
uint32_t runnable_warps() {
  if (block.waiting == block.kernel->block) {
    block.waiting = 0;
    for (unsigned w = 0; w < block.warps; ++w) {
      block.warp[w].at_barrier = 0;
      block.warp[w].runnable = block.warp[w].lanes;
    }
  }
  uint32_t runnable = 0;
  for (unsigned w = 0; w < block.warps; ++w) runnable |= uint32_t{block.warp[w].runnable != 0} << w;
  return runnable;
}

/// A warp runs for a while before another one, so that fast warps get ahead of slow ones.
void run_warps(Random& random) {
  const auto& orders = lane_orders();
  while (uint32_t runnable = runnable_warps()) {
    for (int skipped = static_cast<int>(random.below(static_cast<unsigned>(std::popcount(runnable)))); skipped > 0;
         --skipped) {
      runnable &= runnable - 1;
    }
    const auto chosen = static_cast<unsigned>(std::countr_zero(runnable));
    Warp& warp = block.warp[chosen];
    do {
      const unsigned turns = random.below(2) == 0 ? random.below(kWarp) + 1 : kWarp;
      const auto& order = orders[random.below(256)];
      for (unsigned turn = 0; turn < turns; ++turn) {
        if (warp.runnable >> order[turn] & 1) resume(chosen * kWarp + order[turn]);
        if (!block.failure.empty()) return;
      }
    } while (warp.runnable != 0 && random.below(4) != 0);
  }
  if (block.exited != block.kernel->block) set_failure(place() + ": " + deadlock());
}

/// Unwinds threads that wait, so that their stacks are clean for the next block.
void abandon() {
  block.abandoning = true;
  for (unsigned thread = 0; thread < block.kernel->block; ++thread) {
    if (block.warp[thread / kWarp].suspended >> thread % kWarp & 1) resume(thread);
  }
  block.abandoning = false;
}

void begin(const Kernel& kernel) {
  block.waiting = block.exited = 0;
  block.warps = (kernel.block + kWarp - 1) / kWarp;
  for (unsigned w = 0; w < block.warps; ++w) {
    const unsigned lanes = std::min(kWarp, kernel.block - w * kWarp);
    Warp& warp = block.warp[w];
    warp.lanes = warp.runnable = lanes == kWarp ? kAllLanes : (uint32_t{1} << lanes) - 1;
    warp.joined = warp.at_barrier = warp.suspended = warp.exited = 0;
  }
}

void run_block(const Kernel& kernel, Random& random) {
  auto* shared = static_cast<unsigned char*>(position.shared);
  poison(shared, kernel.shared_bytes);
  forbid(shared - kGuardBytes, kGuardBytes);
  forbid(shared + kernel.shared_bytes, kGuardBytes);
  begin(kernel);
  run_warps(random);
  if (!block.failure.empty()) {
    abandon();
    return;
  }
  if (const auto before = last_written(shared - kGuardBytes, kGuardBytes)) {
    set_failure(place() + " wrote " + std::to_string(kGuardBytes - *before) + " bytes before its shared memory");
  }
  if (const auto behind = first_written(shared + kernel.shared_bytes, kGuardBytes)) {
    set_failure(place() + " wrote at byte " + std::to_string(kernel.shared_bytes + *behind) + " of its " +
                std::to_string(kernel.shared_bytes) + " bytes of shared memory");
  }
}

void prepare(const Kernel& kernel) {
  constexpr size_t kSharedBytes = 256 << 10;
  if (!block.shared_memory) block.shared_memory.reset(new unsigned char[kSharedBytes + 2 * kGuardBytes + 1024]);
  // Aligned as much as is promised, and no more.
  const auto begin = reinterpret_cast<uintptr_t>(block.shared_memory.get()) + kGuardBytes;
  position.shared = reinterpret_cast<void*>((begin / 512 + 1) * 512 + 16);
  while (block.fibers.size() < kernel.block) {
    block.fibers.push_back(std::make_unique<Fiber>(run_threads, static_cast<unsigned>(block.fibers.size())));
  }
  block.kernel = &kernel;
  block.failure.clear();
  position.grid = kernel.grid;
  position.block_threads = kernel.block;
}

}  // namespace

std::string run_kernel(const Kernel& kernel, uint64_t seed) {
  prepare(kernel);
  Random random(seed);
  const uint64_t blocks = uint64_t{kernel.grid.x} * kernel.grid.y * kernel.grid.z;
  // Steps that have no divisor in common with the number of blocks come to every one of them.
  const uint64_t first = random.next() % blocks;
  uint64_t step = random.next() % blocks;
  while (std::gcd(step, blocks) != 1) step = (step + 1) % (blocks + 1);
  for (uint64_t i = 0, number = first; i < blocks && block.failure.empty(); ++i, number = (number + step) % blocks) {
    const auto row = static_cast<unsigned>(number / kernel.grid.x);
    position.block = {static_cast<unsigned>(number % kernel.grid.x), row % kernel.grid.y, row / kernel.grid.y};
    run_block(kernel, random);
  }
  block.kernel = nullptr;
  return block.failure;
}

void fail(const char* format, ...) {
  char sentence[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(sentence, sizeof sentence, format, arguments);
  va_end(arguments);
  set_failure(place() + ", thread " + std::to_string(position.thread) + ": " + sentence);
  throw Abandoned();
}

void join_warp(const char* operation, void* operands, void (*complete)(void* const* operands)) {
  Warp& warp = own_warp();
  const uint32_t bit = own_bit();
  if (warp.lanes != kAllLanes) fail("%s in a warp of %d threads", operation, std::popcount(warp.lanes));
  if (warp.joined == 0) {
    warp.operation = operation;
  } else if (warp.operation != operation) {
    fail("%s, while thread %u of its warp waits at %s", operation,
         position.thread / kWarp * kWarp + static_cast<unsigned>(std::countr_zero(warp.joined)), warp.operation);
  }
  warp.operands[position.thread % kWarp] = operands;
  warp.joined |= bit;
  if (warp.joined == kAllLanes) {
    complete(warp.operands.data());
    warp.joined = 0;
    warp.runnable = kAllLanes;
    return;
  }
  warp.runnable &= ~bit;
  wait();
}

bool inside_shared(const void* pointer, size_t bytes) {
  const auto begin = reinterpret_cast<uintptr_t>(position.shared);
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  return address >= begin && address + bytes <= begin + block.kernel->shared_bytes;
}

void block_barrier() {
  Warp& warp = own_warp();
  warp.runnable &= ~own_bit();
  warp.at_barrier |= own_bit();
  ++block.waiting;
  wait();
}

}  // namespace dnd::cuda::emulator
