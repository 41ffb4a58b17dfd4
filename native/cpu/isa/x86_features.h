#pragma once

namespace dnd::cpu {

/// The sets of instructions that this processor has and whose registers its operating system saves.
struct X86Features {
  bool avx2;        ///< and FMA
  bool avx512;      ///< AVX-512 F, BW, DQ and VL
  bool avx512bf16;  ///< AVX512-BF16
};

/// Asked of the processor itself: `__builtin_cpu_supports` reads a table of the compiler's runtime library, and zig's leaves
/// it empty.
const X86Features& x86_features();

}  // namespace dnd::cpu
