#include "cpu/isa/by_name.h"
#include "cpu/isa/spectral_kernels.h"

namespace dnd::cpu {

DND_TABLES(SpectralKernels, spectral_kernels)

const SpectralKernels& spectral_kernels(const char* name) {
  return DND_BY_NAME(SpectralKernels, spectral_kernels, name);
}

}  // namespace dnd::cpu
