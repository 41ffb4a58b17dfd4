#include "test/cuda/emulator/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#define DND_EMULATOR_ASAN 1
#else
#define DND_EMULATOR_ASAN 0
#endif

#if defined(__x86_64__)

// Saves callee-saved registers, leaves the stack pointer at *rdi and continues from the stack at rsi. The floating
// point control words are the same everywhere.
asm(R"(
  .text
  .p2align 4
  .type dnd_emulator_switch_stack, @function
dnd_emulator_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  popq %rcx
  jmp *%rcx
  .size dnd_emulator_switch_stack, . - dnd_emulator_switch_stack
)");
extern "C" __attribute__((visibility("hidden"))) void dnd_emulator_switch_stack(void** left, void* stack);

#else
#include <ucontext.h>
#endif

namespace dnd::cuda::emulator {
namespace {

constexpr size_t kStackBytes = DND_EMULATOR_ASAN ? 256 << 10 : 64 << 10;

/// The fiber that is being resumed.
Fiber* current = nullptr;

}  // namespace

/// How stacks are switched here.
struct Fiber::Machine {
#if defined(__x86_64__)
  static void prepare(Fiber& fiber) {
    // Registers, the function to jump to, and where that would return to: at 8 beyond a 16-byte boundary, as after a
    // call.
    auto* frame = reinterpret_cast<uintptr_t*>(fiber.top_) - 8;
    for (int i = 0; i < 8; ++i) frame[i] = 0;
    frame[6] = reinterpret_cast<uintptr_t>(&Fiber::start);
    fiber.own_stack_ = frame;
  }
  static void release(Fiber&) {}
  static void enter(Fiber& fiber) { dnd_emulator_switch_stack(&fiber.caller_stack_, fiber.own_stack_); }
  static void leave(Fiber& fiber) { dnd_emulator_switch_stack(&fiber.own_stack_, fiber.caller_stack_); }
#else
  static void prepare(Fiber& fiber) {
    auto* own = new ucontext_t;
    getcontext(own);
    own->uc_stack.ss_sp = fiber.memory_;
    own->uc_stack.ss_size = static_cast<size_t>(fiber.top_ - static_cast<unsigned char*>(fiber.memory_));
    own->uc_link = nullptr;
    makecontext(own, &Fiber::start, 0);
    fiber.own_stack_ = own;
    fiber.caller_stack_ = new ucontext_t;
  }
  static void release(Fiber& fiber) {
    delete static_cast<ucontext_t*>(fiber.own_stack_);
    delete static_cast<ucontext_t*>(fiber.caller_stack_);
  }
  static void enter(Fiber& fiber) {
    swapcontext(static_cast<ucontext_t*>(fiber.caller_stack_), static_cast<ucontext_t*>(fiber.own_stack_));
  }
  static void leave(Fiber& fiber) {
    swapcontext(static_cast<ucontext_t*>(fiber.own_stack_), static_cast<ucontext_t*>(fiber.caller_stack_));
  }
#endif
};

Fiber::Fiber(void (*body)(), unsigned index) : body_(body) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  bytes_ = page + kStackBytes;
  memory_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory_ == MAP_FAILED) throw std::bad_alloc();
  mprotect(memory_, page, PROT_NONE);  // a stack that overflows ends the process rather than another's data
  // Tops at the same place of every page would fall upon the same few lines of the caches.
  top_ = static_cast<unsigned char*>(memory_) + bytes_ - index * 320 % 4096;
  Machine::prepare(*this);
}

Fiber::~Fiber() {
  Machine::release(*this);
  munmap(memory_, bytes_);
}

void Fiber::start() {
#if DND_EMULATOR_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &current->caller_bottom_, &current->caller_bytes_);
#endif
  current->body_();
}

void Fiber::resume() {
  current = this;
#if DND_EMULATOR_ASAN
  __sanitizer_start_switch_fiber(&caller_fake_stack_, memory_, bytes_);
#endif
  Machine::enter(*this);
#if DND_EMULATOR_ASAN
  __sanitizer_finish_switch_fiber(caller_fake_stack_, nullptr, nullptr);
#endif
}

void Fiber::leave() {
#if DND_EMULATOR_ASAN
  __sanitizer_start_switch_fiber(&own_fake_stack_, caller_bottom_, caller_bytes_);
#endif
  Machine::leave(*this);
#if DND_EMULATOR_ASAN
  __sanitizer_finish_switch_fiber(own_fake_stack_, &caller_bottom_, &caller_bytes_);
#endif
}

}  // namespace dnd::cuda::emulator
