#include "model/training/optimiser_options.h"

#include <cmath>

#include "core/status.h"

namespace dnd {
namespace {

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

}  // namespace

const DeviceChoice& check_trains(const DeviceChoice& device) {
  if (device.backend->training == nullptr) {
    throw Error(ErrorCode::kUnavailable, "the device '" + std::string(device.backend->name) +
                                             "' does not train; train on the CPU, and generate on any device");
  }
  return device;
}

void check_options(const OptimiserOptions& options) {
  const auto fraction = [](double beta) { return beta >= 0 && beta < 1; };
  if (!fraction(options.beta1) || !fraction(options.beta2)) refuse("AdamW: beta1 and beta2 must be in [0, 1)");
  const auto amount = [](double value) { return value >= 0 && std::isfinite(value); };
  if (!amount(options.eps) || !amount(options.weight_decay) || !amount(options.max_gradient_norm)) {
    refuse("AdamW: eps, the weight decay and the largest gradient norm must be finite and not negative");
  }
}

}  // namespace dnd
