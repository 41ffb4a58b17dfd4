#include "model/training/optimiser.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "model/device_pass.h"
#include "model/job_control.h"

namespace dnd {
namespace {

constexpr int64_t kNormPass = 5, kStepPass = 6;

/// Share of the gradient norm in the progress of an update: it reads only the gradients, the step everything.
constexpr double kNormShare = 0.2;

double elements_of(const ParameterStore& parameters) {
  return static_cast<double>(parameters.bytes()) / static_cast<double>(sizeof(float));
}

}  // namespace

double gradient_norm(const Device& device, const ParameterStore& parameters, const Gradients& gradients, Job& job) {
  const DndControl control = cancel_only(job);
  const size_t count = parameters.infos().size();
  std::vector<double> squares(count);
  DevicePass pass(device, pass_key({kNormPass}), 0);
  double done = 0;
  for (size_t i = 0; i < count; ++i) {
    job.throw_if_cancelled();
    const int64_t elements = parameters.infos()[i].elements();
    pass.call(device->training->sum_squares, &control, gradients.at(i), elements, &squares[i]);
    job.set_progress(kNormShare * (done += static_cast<double>(elements)) / elements_of(parameters));
  }
  pass.run(&control);
  double sum = 0;
  for (const double square : squares) sum += square;
  return std::sqrt(sum);
}

double clipping_factor(double norm, double max_norm) {
  return max_norm > 0 ? std::min(1.0, max_norm / (norm + 1e-6)) : 1.0;
}

void step_parameters(const Device& device, const DndAdamW& step, const Gradients& gradients, ParameterStore& parameters,
                     OptimiserStates& states, Job& job) {
  const DndControl control = {nullptr, [](void*) -> int32_t { return 0; }, nullptr};
  DevicePass pass(device, pass_key({kStepPass, step.step, std::bit_cast<int64_t>(step.learning_rate)}), 0);
  double done = 0;
  for (size_t i = 0; i < parameters.infos().size(); ++i) {
    const int64_t elements = parameters.infos()[i].elements();
    float* const parameter = parameters.writable(i);
    const OptimiserStates::Moments moments = states.of(i);
    if (moments.quantised) {
      pass.call(device->training->adamw_quantised, &control, &step, gradients.at(i), elements, parameter,
                &moments.codes);
    } else {
      pass.call(device->training->adamw, &control, &step, gradients.at(i), elements, parameter, moments.first,
                moments.second);
    }
    done += static_cast<double>(elements);
    job.set_progress(kNormShare + (1 - kNormShare) * done / elements_of(parameters));
  }
  pass.run(&control);
}

double update_parameters(const Device& device, const OptimiserOptions& options, double learning_rate,
                         const Gradients& gradients, ParameterStore& parameters, OptimiserStates& states, int64_t& steps,
                         Job& job) {
  if (!(learning_rate >= 0) || !std::isfinite(learning_rate)) {
    throw Error(ErrorCode::kInvalidArgument, "update: the learning rate is " + std::to_string(learning_rate) +
                                                 "; it must be finite and not negative");
  }
  states.reserve();
  const double norm = gradient_norm(device, parameters, gradients, job);
  if (!std::isfinite(norm)) return norm;
  const DndAdamW step = {.learning_rate = learning_rate,
                         .beta1 = options.beta1,
                         .beta2 = options.beta2,
                         .eps = options.eps,
                         .weight_decay = options.weight_decay,
                         .gradient_scale = clipping_factor(norm, options.max_gradient_norm),
                         .step = steps + 1};
  step_parameters(device, step, gradients, parameters, states, job);
  ++steps;
  return norm;
}

}  // namespace dnd
