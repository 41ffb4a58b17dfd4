#include "cpu/isa/select.h"

#include <cstdlib>

#include "core/status.h"
#include "cpu/isa/by_name.h"
#include "cpu/isa/x86_features.h"

namespace dnd::cpu {

DND_TABLES(Kernels, kernels)

std::vector<const Kernels*> available_kernels() {
  std::vector<const Kernels*> available = {&baseline::kernels()};
#if defined(DND_HAS_X86_KERNELS)
  if (x86_features().avx2) available.push_back(&avx2::kernels());
  if (x86_features().avx512) available.push_back(&avx512::kernels());
#elif defined(DND_HAS_ARM64_KERNELS)
  available.push_back(&neon::kernels());  // every 64-bit ARM processor has it
#endif
  return available;
}

const Kernels& select_kernels(const std::string& wanted) {
  const std::vector<const Kernels*> available = available_kernels();
  if (wanted.empty()) return *available.back();
  std::string names;
  for (const Kernels* kernels : available) {
    if (wanted == kernels->name) return *kernels;
    names += (names.empty() ? "" : ", ") + std::string(kernels->name);
  }
  throw Error(ErrorCode::kInvalidArgument, "DND_CPU_ISA is '" + wanted + "'; this machine can run: " + names);
}

const Kernels& kernels() {
  static const Kernels& chosen = []() -> const Kernels& {
    const char* wanted = std::getenv("DND_CPU_ISA");
    return select_kernels(wanted == nullptr ? "" : wanted);
  }();
  return chosen;
}

}  // namespace dnd::cpu
