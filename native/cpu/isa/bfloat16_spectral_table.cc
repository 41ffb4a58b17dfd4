#include "cpu/isa/bfloat16_spectral.h"
#include "cpu/isa/bfloat16_spectral_kernels.h"
#include "cpu/isa/name.h"

/// Compiled with DND_ISA = avx512bf16, as bfloat16_table.cc.
namespace dnd::cpu::DND_ISA {
namespace {

Bfloat16SpectralKernels table() {
  Bfloat16SpectralKernels kernels = {};
  kernels.name = DND_ISA_NAME;
  kernels.round_spectrum = round_spectrum;
  kernels.product = product<PairOperands>;
  add_column_pairs(kernels);
  return kernels;
}

}  // namespace

const Bfloat16SpectralKernels& bfloat16_spectral_kernels() {
  static const Bfloat16SpectralKernels kernels = table();
  return kernels;
}

}  // namespace dnd::cpu::DND_ISA
