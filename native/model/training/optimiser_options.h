#pragma once

#include <cstdint>
#include <string>

#include "model/device.h"

namespace dnd {

/// How moments are stored.
enum class MomentType { kFloat32, kEightBit };

struct OptimiserOptions {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.1;
  double max_gradient_norm = 1.0;  ///< 0: no clipping
  MomentType moments = MomentType::kFloat32;
};

/// Error(kInvalidArgument) for options that make no sense.
void check_options(const OptimiserOptions& options);

/// The device. Error(kUnavailable) if it does not train.
const DeviceChoice& check_trains(const DeviceChoice& device);

/// A tensor of the optimiser state, as stored in a checkpoint.
struct StateInfo {
  enum class Type { kFloat32, kUint8 };
  std::string name;  ///< "first.<parameter>", "second.<parameter>", and "….largest", by block, if quantised
  Type type;
  int64_t elements;
  int64_t bytes() const { return elements * (type == Type::kFloat32 ? 4 : 1); }
};

}  // namespace dnd
