#include <cstring>
#include <string>

#include "core/status.h"
#include "cpu/isa/bfloat16_kernels.h"
#include "cpu/isa/bfloat16_spectral_kernels.h"
#include "cpu/isa/x86_features.h"

namespace dnd::cpu {

#if defined(DND_HAS_X86_KERNELS)
namespace avx512bf16 {
const Bfloat16Kernels& bfloat16_kernels();
const Bfloat16SpectralKernels& bfloat16_spectral_kernels();
}
#endif

namespace {

bool has_avx512bf16([[maybe_unused]] const Kernels& kernels) {
#if defined(DND_HAS_X86_KERNELS)
  return std::strcmp(kernels.name, "avx512") == 0 && x86_features().avx512bf16;
#else
  return false;
#endif
}

}  // namespace

const Bfloat16Kernels* find_bfloat16_kernels(const Kernels& kernels) {
#if defined(DND_HAS_X86_KERNELS)
  if (has_avx512bf16(kernels)) return &avx512bf16::bfloat16_kernels();
#endif
  return nullptr;
}

const Bfloat16SpectralKernels* find_bfloat16_spectral_kernels(const Kernels& kernels) {
#if defined(DND_HAS_X86_KERNELS)
  if (has_avx512bf16(kernels)) return &avx512bf16::bfloat16_spectral_kernels();
#endif
  return nullptr;
}

const Bfloat16Kernels& bfloat16_kernels(const Kernels& kernels) {
  if (const Bfloat16Kernels* found = find_bfloat16_kernels(kernels)) return *found;
  throw Error(ErrorCode::kUnavailable,
              "the precision bf16 needs the instruction set avx512bf16 (AVX512-BF16) beside avx512; this machine lacks "
              "it, or DND_CPU_ISA chose another: the one in use is " +
                  std::string(kernels.name) + ". Use the precision fp32");
}

}  // namespace dnd::cpu
