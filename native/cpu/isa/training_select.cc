#include "cpu/isa/by_name.h"
#include "cpu/isa/kernels.h"
#include "cpu/isa/training_kernels.h"

namespace dnd::cpu {

DND_TABLES(TrainingKernels, training_kernels)

const TrainingKernels& training_kernels(const char* instruction_set) {
  return DND_BY_NAME(TrainingKernels, training_kernels, instruction_set);
}

const TrainingKernels& training_kernels() {
  static const TrainingKernels& chosen = training_kernels(kernels().name);
  return chosen;
}

}  // namespace dnd::cpu
