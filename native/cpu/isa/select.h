#pragma once

#include <string>
#include <vector>

#include "cpu/isa/kernels.h"

namespace dnd::cpu {

/// The instruction sets that this build has kernels for and this machine (its operating system included) can run, the
/// plainest first.
std::vector<const Kernels*> available_kernels();

/// The kernels named `wanted`, or the best when it is empty. Error(kInvalidArgument) for an unknown or unavailable one.
const Kernels& select_kernels(const std::string& wanted);

}  // namespace dnd::cpu
