#pragma once

#include <string>

namespace dnd {

/// CPUs that this process can keep busy: those it may run on, or the CPU time that its control group (version 1 or 2,
/// or one of its ancestors) grants it, rounded up, where that is less. At least 1.
/// `root`: where /proc and /sys are mounted.
int usable_cpus(const std::string& root = "/");

}  // namespace dnd
