#include <cstring>
#include <string>

#include "core/status.h"
#include "cpu/isa/spectral_kernels.h"

namespace dnd::cpu {

namespace baseline {
const SpectralKernels& spectral_kernels();
}
#if defined(DND_HAS_X86_KERNELS)
namespace avx2 {
const SpectralKernels& spectral_kernels();
}
namespace avx512 {
const SpectralKernels& spectral_kernels();
}
#endif

const SpectralKernels& spectral_kernels(const char* name) {
  if (std::strcmp(name, "baseline") == 0) return baseline::spectral_kernels();
#if defined(DND_HAS_X86_KERNELS)
  if (std::strcmp(name, "avx2") == 0) return avx2::spectral_kernels();
  if (std::strcmp(name, "avx512") == 0) return avx512::spectral_kernels();
#endif
  throw Error(ErrorCode::kInternal, "no spectral kernels for '" + std::string(name) + "'");
}

}  // namespace dnd::cpu
