#include "device_info.h"

#include <string>
#include <utility>

#include "arguments.h"
#include "background_job.h"
#include "core/status.h"
#include "device_arguments.h"
#include "environment.h"
#include "failure.h"
#include "model/device_library.h"

namespace dnd::bindings {
namespace {

DeviceInfoResult::Device described(const DndBackend* backend, int32_t ordinal) {
  DeviceInfoResult::Device device;
  if (backend->describe(ordinal, &device.description) != kDndOk) device.problem = backend->last_error(nullptr);
  return device;
}

DeviceInfoResult find_devices(const std::string& library) {
  DeviceInfoResult result;
  result.library = library;
  const DndBackend* backend = nullptr;
  try {
    backend = device_library(result.library);
  } catch (const Error& error) {
    result.problem = error.what();
    return result;
  }
  int32_t count = 0;
  if (backend->count(&count) != kDndOk) result.problem = backend->last_error(nullptr);
  for (int32_t ordinal = 0; ordinal < count; ++ordinal) result.devices.push_back(described(backend, ordinal));
  return result;
}

}  // namespace

Napi::Value device_info(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const std::string library = read_cuda_library(Argument(info, 0, "deviceInfo", "cudaLibrary"));
    const Napi::Function done = Argument(info, 1, "deviceInfo", "done").function();
    JobWork work = [library](Job&) -> JobResult { return find_devices(library); };
    return Environment::of(info.Env())->submit(std::move(work), nullptr, done);
  });
}

Napi::Value try_device(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const DeviceChoice choice = read_device(Argument(info, 0, "tryDevice", "options"));
    const Napi::Function done = Argument(info, 1, "tryDevice", "done").function();
    JobWork work = [choice](Job&) -> JobResult {
      const Device device(choice);
      return {};
    };
    return Environment::of(info.Env())->submit(std::move(work), nullptr, done);
  });
}

}  // namespace dnd::bindings
