#pragma once

#include <cstdint>
#include <string>

#include "core/feature.h"

namespace dnd {

/// The two linear layers of the length projection in a training step.
struct ProjectionWork {
  double multiply_adds;  ///< forward, gradients of both weights, and of the second layer's input
  double seconds;        ///< predicted, one thread: a product's vector steps are those of a direct convolution
};

/// condition [batch, N, length, W] → [batch, N, H, W] of the first feature; nothing to do where `length` is 0.
/// Error(kInvalidArgument) for an unknown instruction set.
ProjectionWork plan_projection(const Feature& first, int64_t length, int64_t batch, const std::string& instruction_set);

}  // namespace dnd
