#pragma once

#include <string>
#include <vector>

/// Which instruction set the CPU's kernels use, for those who know nothing of kernels.
namespace dnd::cpu {

/// The one in use: DND_CPU_ISA, or the best that this machine can run. Error(kInvalidArgument) for an unknown or
/// unavailable one.
std::string instruction_set();

/// Those that this build has kernels for and this machine can run, the plainest first.
std::vector<std::string> available_instruction_sets();

/// Whether products of kDndBfloat16 go with the one in use.
bool has_bfloat16();

}  // namespace dnd::cpu
