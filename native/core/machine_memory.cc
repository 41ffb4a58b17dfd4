#include "core/machine_memory.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <unistd.h>
#endif

namespace dnd {

#if defined(_WIN32)

int64_t machine_memory_bytes() {
  MEMORYSTATUSEX memory = {};
  memory.dwLength = sizeof(memory);
  return GlobalMemoryStatusEx(&memory) ? static_cast<int64_t>(memory.ullTotalPhys) : 0;
}

#else

int64_t machine_memory_bytes() {
  const int64_t pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
  return pages > 0 && page_bytes > 0 ? pages * page_bytes : 0;
}

#endif

}  // namespace dnd
