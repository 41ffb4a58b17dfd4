#pragma once

#include <cstddef>

namespace dnd::cuda::emulator {

/// A stack of its own to run a function on, and to leave in the middle of it. Not for several threads at a time.
class Fiber {
 public:
  /// `body` is called at the first `resume` and must not return. `index` sets stacks apart in the caches.
  Fiber(void (*body)(), unsigned index);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Goes on where the fiber was left, until it leaves again.
  void resume();
  /// Within the fiber: back to the resumer.
  void leave();

 private:
  struct Machine;
  static void start();

  void* memory_;
  size_t bytes_;
  unsigned char* top_;
  void (*body_)();
  void* own_stack_ = nullptr;     ///< where it was left
  void* caller_stack_ = nullptr;  ///< where `resume` was called
  // What AddressSanitizer needs to know about stacks.
  void* own_fake_stack_ = nullptr;
  void* caller_fake_stack_ = nullptr;
  const void* caller_bottom_ = nullptr;
  size_t caller_bytes_ = 0;
};

}  // namespace dnd::cuda::emulator
