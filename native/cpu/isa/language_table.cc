#include "cpu/isa/language_kernels.h"
#include "cpu/isa/language_rows.h"
#include "cpu/isa/name.h"

/// Compiled once per instruction set with DND_ISA = baseline, avx2 or avx512.
namespace dnd::cpu::DND_ISA {
namespace {

LanguageKernels table() {
  LanguageKernels kernels = {};
  kernels.name = DND_ISA_NAME;
  kernels.scale_by_weight = scale_by_weight;
  kernels.weighted_product = weighted_product;
  kernels.rms_gradient = rms_gradient;
  kernels.add_products = add_products;
  kernels.swiglu = swiglu;
  kernels.swiglu_gradient = swiglu_gradient;
  kernels.rotate = rotate_pairs;
  kernels.dot[kDndFloat32Weight] = dot<kDndFloat32Weight>;
  kernels.dot[kDndFloat16Weight] = dot<kDndFloat16Weight>;
  kernels.dot[kDndBfloat16Weight] = dot<kDndBfloat16Weight>;
  kernels.weighted_rows = weighted_rows;
  kernels.sum_products = sum_products;
  kernels.add_scaled = add_scaled;
  kernels.largest = largest;
  kernels.exponentials = exponentials;
  kernels.score_gradient = score_gradient;
  kernels.scale = scale_row;
  return kernels;
}

}  // namespace

const LanguageKernels& language_kernels() {
  static const LanguageKernels kernels = table();
  return kernels;
}

}  // namespace dnd::cpu::DND_ISA
