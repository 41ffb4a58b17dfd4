#pragma once

#include <cstdint>

#include "backend_training.h"
#include "control.h"
#include "core/thread_pool.h"

namespace dnd::cpu {

class WeightGradientChoices;

/// The operations weight_gradient_workspace and weight_gradient of backend_training.h.
int64_t weight_gradient_workspace(WeightGradientChoices& choices, const DndConvolution& convolution,
                                  int64_t* sufficient);
void weight_gradient(ThreadPool& pool, const Control& control, WeightGradientChoices& choices,
                     const DndConvolution& convolution, const DndWeightGradientOperands& operands);

}  // namespace dnd::cpu
