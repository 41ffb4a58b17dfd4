#include "machine.h"

#include <string>
#include <vector>

#include "core/thread_pool.h"
#include "cpu/isa/select.h"
#include "failure.h"

namespace dnd::bindings {
namespace {

#if defined(__clang__)
constexpr const char* kCompiler = "Clang " __clang_version__;
#else
constexpr const char* kCompiler = "GCC " __VERSION__;
#endif

}  // namespace

Napi::Value cpu_info(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const std::vector<const cpu::Kernels*> kernels = cpu::available_kernels();
    Napi::Array available = Napi::Array::New(info.Env(), kernels.size());
    for (size_t i = 0; i < kernels.size(); ++i) available.Set(uint32_t(i), std::string(kernels[i]->name));
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("isa", std::string(cpu::kernels().name));
    result.Set("available", available);
    result.Set("defaultThreads", default_threads());
    result.Set("compiler", std::string(kCompiler));
    return result;
  });
}

}  // namespace dnd::bindings
