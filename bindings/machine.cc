#include "machine.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "bench/measure.h"
#include "core/thread_pool.h"
#include "core/usable_cpus.h"
#include "cpu/instruction_sets.h"
#include "decoder_arguments.h"
#include "device_arguments.h"
#include "environment.h"
#include "failure.h"
#include "plan/convolution_plan.h"
#include "plan/geometry.h"

namespace dnd::bindings {
namespace {

#if defined(__clang__)
constexpr const char* kCompiler = "Clang " __clang_version__;
#else
constexpr const char* kCompiler = "GCC " __VERSION__;
#endif

MeasureOptions read_options(const Argument& options) {
  MeasureOptions read;
  read.device = read_device(options);
  read.runs = int(options.field("runs").integer(1, 1 << 20));
  read.enough_seconds = options.field("enoughSeconds").positive_number();
  return read;
}

DndConvolution read_size(const Argument& options) {
  constexpr DndAxis kAxes[] = {kDndWidth, kDndHeight, kDndToken};
  const auto size_of = [&](const char* name) { return options.field(name).integer(1, kLargestSize); };
  DndConvolution size{};
  size.axis = kAxes[options.field("axis").choice({"width", "height", "token"})];
  size.batch = size_of("batch");
  size.tokens = size_of("tokens");
  size.height = size_of("height");
  size.width = size_of("width");
  size.out_channels = size_of("outputChannels");
  size.kernel_size = int32_t(size_of("kernelSize"));
  size.algorithm = read_algorithm(options);
  size.workspace_limit = read_workspace(options);
  return size;
}

MeasurementResult measured_convolution(const DndConvolution& size, const MeasureOptions& options, Job& job) {
  ConvolutionRuns runs = dnd::measure_convolution(size, options, job);
  MeasurementResult result;
  result.seconds = std::move(runs.seconds);
  const ConvolutionShape shape = shape_of(convolution_geometry(size));
  const ConvolutionPlan planned =
      plan_convolution(shape, {cpu::instruction_set(), size.algorithm, size.workspace_limit});
  if (planned.algorithm == Algorithm::kDirect) return result;
  const SpectralPlan& plan = planned.spectral;
  result.part_seconds.assign(runs.part_seconds.begin(), runs.part_seconds.end());
  result.product_flop = 2 * product_multiply_adds(shape, plan);
  result.points_i = (plan.halved_is_i ? plan.halved : plan.full).points;
  result.points_j = (plan.halved_is_i ? plan.full : plan.halved).points;
  return result;
}

}  // namespace

Napi::Value cpu_info(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const std::vector<std::string> sets = cpu::available_instruction_sets();
    Napi::Array available = Napi::Array::New(info.Env(), sets.size());
    for (size_t i = 0; i < sets.size(); ++i) available.Set(uint32_t(i), sets[i]);
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("isa", cpu::instruction_set());
    result.Set("available", available);
    result.Set("bfloat16", cpu::has_bfloat16());
    result.Set("usableCpus", usable_cpus());
    result.Set("defaultThreads", default_threads());
    result.Set("compiler", std::string(kCompiler));
    return result;
  });
}

Napi::Value measure_gemm(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const int64_t n = Argument(info, 0, "measureGemm", "n").integer(1, kLargestSize);
    const MeasureOptions options = read_options(Argument(info, 1, "measureGemm", "options"));
    JobWork work = [n, options](Job& job) -> JobResult {
      return MeasurementResult{dnd::measure_gemm(n, options, job), {}};
    };
    const Napi::Function done = Argument(info, 2, "measureGemm", "done").function();
    return Environment::of(info.Env())->submit(std::move(work), nullptr, done);
  });
}

Napi::Value measure_copy(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const int64_t bytes = Argument(info, 0, "measureCopy", "bytes").integer(1);
    const MeasureOptions options = read_options(Argument(info, 1, "measureCopy", "options"));
    JobWork work = [bytes, options](Job& job) -> JobResult {
      return MeasurementResult{dnd::measure_copy(bytes, options, job), {}};
    };
    const Napi::Function done = Argument(info, 2, "measureCopy", "done").function();
    return Environment::of(info.Env())->submit(std::move(work), nullptr, done);
  });
}

Napi::Value measure_convolution(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const Argument argument(info, 0, "measureConvolution", "options");
    JobWork work = [size = read_size(argument), options = read_options(argument)](Job& job) -> JobResult {
      return measured_convolution(size, options, job);
    };
    const Napi::Function done = Argument(info, 1, "measureConvolution", "done").function();
    return Environment::of(info.Env())->submit(std::move(work), nullptr, done);
  });
}

}  // namespace dnd::bindings
