#include "cpu/isa/by_name.h"
#include "cpu/isa/kernels.h"
#include "cpu/isa/language_kernels.h"

namespace dnd::cpu {

DND_TABLES(LanguageKernels, language_kernels)

const LanguageKernels& language_kernels(const char* instruction_set) {
  return DND_BY_NAME(LanguageKernels, language_kernels, instruction_set);
}

const LanguageKernels& language_kernels() {
  static const LanguageKernels& chosen = language_kernels(kernels().name);
  return chosen;
}

}  // namespace dnd::cpu
