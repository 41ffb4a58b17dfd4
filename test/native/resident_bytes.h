#pragma once

#include <unistd.h>

#include <cstdint>
#include <fstream>

namespace dnd::test {

/// Memory of this process that is in RAM now (Linux).
inline int64_t resident_bytes() {
  int64_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

}  // namespace dnd::test
