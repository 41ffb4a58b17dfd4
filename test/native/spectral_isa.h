#pragma once

#include "cpu/isa/kernels.h"
#include "cpu/isa/spectral_kernels.h"

namespace dnd::cpu {

/// The spectral kernels of the instruction set in use.
inline const SpectralKernels& isa() { return spectral_kernels(kernels().name); }

}  // namespace dnd::cpu
