// Opens a device library as the addon does and says what it says of this machine: one line, "N devices" or why there are
// none. Exit code 0 in both cases, 1 where it cannot be used at all. scripts/check-cuda-library.sh builds and runs it.
#include <dlfcn.h>

#include <cstdio>

#include "backend.h"

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: load_library FILE\n");
    return 1;
  }
  void* library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  const auto entry = reinterpret_cast<DndDeviceLibrary>(dlsym(library, DND_DEVICE_LIBRARY_ENTRY));
  const DndBackend* backend = entry == nullptr ? nullptr : entry();
  if (backend == nullptr || backend->version != kDndBackendVersion) {
    std::fprintf(stderr, "%s has no table of version %u\n", arguments[1], kDndBackendVersion);
    return 1;
  }
  int32_t devices = 0;
  const DndStatus status = backend->count(&devices);
  if (status == kDndOk) {
    std::printf("%d devices\n", devices);
    return 0;
  }
  std::printf("%s\n", backend->last_error(nullptr));
  if (status == kDndUnavailable) return 0;
  std::fprintf(stderr, "status %d instead of kDndUnavailable\n", status);
  return 1;
}
