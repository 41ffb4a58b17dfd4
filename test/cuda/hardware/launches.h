#pragma once

#include <map>
#include <string>

namespace dnd::cuda::hardware {

struct KernelRuns {
  long launches = 0;
  double longest_seconds = 0;  ///< of one launch; 0 where all were recorded in graphs, which are not timed
};

/// What ran since the last call, by the kernels' mangled names. Waits for the device.
std::map<std::string, KernelRuns> take_launches();

}  // namespace dnd::cuda::hardware
