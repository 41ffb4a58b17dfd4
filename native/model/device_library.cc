#include "model/device_library.h"

#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>

#include "core/status.h"

#if defined(__unix__) || defined(__APPLE__)
#include <dlfcn.h>
#define DND_HAS_DLOPEN 1
#endif

namespace dnd {
namespace {

constexpr const char* kVariable = "DND_CUDA_LIBRARY";
constexpr const char* kFile = "libdnd_cuda.so";

[[noreturn]] void unavailable(const std::string& sentence) { throw Error(ErrorCode::kUnavailable, sentence); }

#if defined(DND_HAS_DLOPEN)

std::filesystem::path own_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&own_folder), &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code failure;
  const std::filesystem::path file = std::filesystem::canonical(info.dli_fname, failure);
  return (failure ? std::filesystem::path(info.dli_fname) : file).parent_path();
}

std::string no_library(const std::string& path) {
  const char* named = std::getenv(kVariable);
  if (named != nullptr && path == named)
    return std::string(kVariable) + " names " + path + ", which does not exist";
  return "this build has no CUDA library (" + path +
         " is not there): build the package from source on a machine with " + "nvcc 13, or set " + kVariable +
         " to the path of one";
}

const DndBackend* opened(const std::string& path) {
  std::error_code failure;
  if (!std::filesystem::exists(path, failure)) unavailable(no_library(path));
  // Never closed: any thread may be using a device, and unloading the CUDA runtime is not safe.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = dlerror();
    unavailable("the CUDA library could not be opened: " + std::string(reason != nullptr ? reason : path.c_str()));
  }
  const auto entry = reinterpret_cast<DndDeviceLibrary>(dlsym(library, DND_DEVICE_LIBRARY_ENTRY));
  if (entry == nullptr) {
    unavailable(path + " is not a dnd-lora device library: it has no symbol " + DND_DEVICE_LIBRARY_ENTRY);
  }
  const DndBackend* backend = entry();
  if (backend == nullptr) unavailable(path + " is not a dnd-lora device library: it returns no backend interface");
  if (backend->version != kDndBackendVersion) {
    unavailable("the CUDA library " + path + " has backend interface version " + std::to_string(backend->version) +
                ", and this build needs " + std::to_string(kDndBackendVersion) +
                ": build the addon and the library from the same sources");
  }
  return backend;
}

#else

std::filesystem::path own_folder() { return {}; }

const DndBackend* opened(const std::string&) { unavailable("CUDA libraries are not supported on this system"); }

#endif

}  // namespace

std::string cuda_library_path() {
  const char* named = std::getenv(kVariable);
  if (named != nullptr && *named != '\0') return named;
  return (own_folder() / kFile).string();
}

const DndBackend* device_library(const std::string& path) {
  // Never destroyed: threads may still be running when the process ends.
  static std::mutex& mutex = *new std::mutex;
  static std::map<std::string, const DndBackend*>& backends = *new std::map<std::string, const DndBackend*>;
  const std::lock_guard lock(mutex);
  const auto found = backends.find(path);
  if (found != backends.end()) return found->second;
  const DndBackend* backend = opened(path);
  backends.emplace(path, backend);
  return backend;
}

}  // namespace dnd
