#include "cpu/isa/x86_features.h"

#if defined(DND_HAS_X86_KERNELS)

#include <cpuid.h>

#include <cstdint>

namespace dnd::cpu {
namespace {

struct Registers {
  uint32_t a, b, c, d;
};

/// Zeros where the processor does not know the leaf.
Registers cpuid(uint32_t leaf, uint32_t subleaf) {
  Registers r = {};
  if (__get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d) == 0) return {};
  return r;
}

constexpr bool has(uint32_t flags, int bit) { return (flags >> bit & 1) != 0; }

/// XCR0: the registers that the operating system saves when threads take turns.
uint32_t saved_registers() {
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

X86Features detected() {
  const Registers basic = cpuid(1, 0), extended = cpuid(7, 0);
  const uint32_t saved = has(basic.c, 27) ? saved_registers() : 0;  // OSXSAVE: may XGETBV be asked?
  constexpr uint32_t kXmmYmm = 0x06, kMasksZmm = 0xe0;
#if defined(__APPLE__)
  constexpr uint32_t kLazily = kMasksZmm;  // macOS saves them from a thread's first use on, and sets the bits then
#else
  constexpr uint32_t kLazily = 0;
#endif
  const bool ymm = (saved & kXmmYmm) == kXmmYmm, zmm = ymm && ((saved | kLazily) & kMasksZmm) == kMasksZmm;
  X86Features features = {};
  features.avx2 = ymm && has(basic.c, 28) && has(basic.c, 12) && has(extended.b, 5);  // AVX, FMA, AVX2
  features.avx512 = features.avx2 && zmm && has(extended.b, 16) && has(extended.b, 30) && has(extended.b, 17) &&
                    has(extended.b, 31);  // F, BW, DQ, VL
  features.avx512bf16 = features.avx512 && extended.a >= 1 && has(cpuid(7, 1).a, 5);
  return features;
}

}  // namespace

const X86Features& x86_features() {
  static const X86Features features = detected();
  return features;
}

}  // namespace dnd::cpu

#endif
