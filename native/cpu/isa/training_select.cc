#include <string>

#include "core/status.h"
#include "cpu/isa/kernels.h"
#include "cpu/isa/training_kernels.h"

namespace dnd::cpu {

namespace baseline {
const TrainingKernels& training_kernels();
}
#if defined(DND_HAS_X86_KERNELS)
namespace avx2 {
const TrainingKernels& training_kernels();
}
namespace avx512 {
const TrainingKernels& training_kernels();
}
#endif

const TrainingKernels& training_kernels(const char* instruction_set) {
  const std::string name = instruction_set;
#if defined(DND_HAS_X86_KERNELS)
  if (name == "avx2") return avx2::training_kernels();
  if (name == "avx512") return avx512::training_kernels();
#endif
  if (name == "baseline") return baseline::training_kernels();
  throw Error(ErrorCode::kInternal, "there are no training kernels for " + name);
}

const TrainingKernels& training_kernels() {
  static const TrainingKernels& chosen = training_kernels(kernels().name);
  return chosen;
}

}  // namespace dnd::cpu
