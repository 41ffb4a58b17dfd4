#include "cpu/instruction_sets.h"

#include "cpu/isa/bfloat16_kernels.h"
#include "cpu/isa/select.h"

namespace dnd::cpu {

std::string instruction_set() { return kernels().name; }

std::vector<std::string> available_instruction_sets() {
  std::vector<std::string> names;
  for (const Kernels* kernels : available_kernels()) names.emplace_back(kernels->name);
  return names;
}

bool has_bfloat16() { return find_bfloat16_kernels(kernels()) != nullptr; }

}  // namespace dnd::cpu
