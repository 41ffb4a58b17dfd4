#include "cpu/isa/name.h"
#include "cpu/isa/spectral_adjoint.h"
#include "cpu/isa/spectral_gradient_product.h"
#include "cpu/isa/spectral_kernels.h"
#include "cpu/isa/spectral_product.h"
#include "cpu/isa/spectral_tiles.h"
#include "cpu/isa/spectral_weights.h"

/// Compiled once per instruction set with DND_ISA = baseline, avx2 or avx512.
namespace dnd::cpu::DND_ISA {
namespace {

SpectralKernels table() {
  SpectralKernels kernels = {};
  kernels.name = DND_ISA_NAME;
  kernels.lanes = kLanes;
  kernels.panel_vectors = kPanelVectors;
  kernels.forward = forward;
  kernels.inverse = inverse;
  kernels.product = product<FloatOperands>;
  kernels.add_parts = add_parts;
  kernels.gradient_product = gradient_product;
  add_weight_transforms(kernels);
  add_weight_adjoints(kernels);
  return kernels;
}

}  // namespace

const SpectralKernels& spectral_kernels() {
  static const SpectralKernels kernels = table();
  return kernels;
}

}  // namespace dnd::cpu::DND_ISA
