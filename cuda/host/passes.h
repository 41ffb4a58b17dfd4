#pragma once

#include <cstddef>
#include <cstdint>
#include <list>

#include "backend.h"
#include "cuda/host/arena.h"
#include "cuda/host/queue.h"

namespace dnd::cuda {

/// The passes of a device: the one under way, and those recorded before, the one used last in front.
class Passes {
 public:
  Passes(DeviceMemory& memory, Queue& queue) : queue_(queue), arena_(memory) {}

  /// True where the pass was recorded before. Error(kOutOfMemory) with required and free bytes; there is no pass then.
  bool begin(const DndPass& pass);
  /// Runs what was recorded, or leaves it where `run` is false. There is no pass under way afterwards, also when it
  /// fails. Error(kAborted) once the caller has cancelled.
  void end(const Control& control, bool run);
  void abandon() noexcept;
  bool under_way() const { return state_ != State::kNone; }

  /// Memory within the pass under way.
  void* allocate(size_t bytes);
  /// False for an address that is none of a pass.
  bool release(void* address) { return arena_.give_back(address); }

  /// Error(kInternal) naming `what` where it is not to be done now: while a pass is under way, or once anything of it
  /// was launched.
  void check_no_pass(const char* what) const;
  void check_before_launches(const char* what) const;
  /// Ahead of an operation. Error(kInternal) within a pass that was recorded before.
  void check_operation() const;
  /// An operation of the pass under way has failed: it can only be abandoned.
  void spoil() { spoilt_ = true; }

  /// Drops what is recorded: addresses within it are no longer valid.
  void invalidate() { recorded_.clear(); }
  /// And the memory of passes with it; not while one is under way.
  void invalidate_memory() {
    invalidate();
    arena_.clear();
  }
  int64_t arena_bytes() const { return arena_.bytes(); }

 private:
  /// Several batch sizes of a generator's decoder; a recorded pass holds some memory.
  static constexpr size_t kMostRecorded = 16;

  enum class State { kNone, kRecording, kRepeating };
  struct Recorded {
    uint64_t key;
    Queue::Pieces pieces;
  };

  Queue& queue_;
  Arena arena_;
  std::list<Recorded> recorded_;
  State state_ = State::kNone;
  uint64_t key_ = 0;
  bool spoilt_ = false;
};

}  // namespace dnd::cuda
