#include "machine.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "core/thread_pool.h"
#include "cpu/isa/select.h"
#include "environment.h"
#include "failure.h"
#include "model/measure.h"

namespace dnd::bindings {
namespace {

#if defined(__clang__)
constexpr const char* kCompiler = "Clang " __clang_version__;
#else
constexpr const char* kCompiler = "GCC " __VERSION__;
#endif

ConvolutionSize read_size(const Argument& options) {
  constexpr DndAxis kAxes[] = {kDndWidth, kDndHeight, kDndToken};
  ConvolutionSize size{};
  size.axis = kAxes[options.field("axis").choice({"width", "height", "token"})];
  size.batch = options.field("batch").integer(1);
  size.tokens = options.field("tokens").integer(1);
  size.height = options.field("height").integer(1);
  size.width = options.field("width").integer(1);
  size.out_channels = options.field("outputChannels").integer(1);
  size.kernel_size = int32_t(options.field("kernelSize").integer(1, std::numeric_limits<int32_t>::max()));
  return size;
}

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

Napi::Value measure_gemm(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const int64_t n = Argument(info, 0, "measureGemm", "n").integer(1);
    const int threads = Argument(info, 1, "measureGemm", "threads").threads();
    JobWork work = [n, threads](Job& job) -> JobResult { return dnd::measure_gemm(n, threads, job); };
    const Napi::Function done = Argument(info, 2, "measureGemm", "done").function();
    return Environment::of(info.Env())->submit(std::move(work), nullptr, done);
  });
}

Napi::Value measure_convolution(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const Argument options(info, 0, "measureConvolution", "options");
    const int threads = options.field("threads").threads();
    JobWork work = [size = read_size(options), threads](Job& job) -> JobResult {
      return dnd::measure_convolution(size, threads, job);
    };
    const Napi::Function done = Argument(info, 1, "measureConvolution", "done").function();
    return Environment::of(info.Env())->submit(std::move(work), nullptr, done);
  });
}

}  // namespace dnd::bindings
