#pragma once

#include "backend_training.h"
#include "control.h"
#include "core/thread_pool.h"
#include "cpu/convolution/direct_gradient_plan.h"

namespace dnd::cpu {

/// Runs the plan; the workspace has plan.workspace_floats(pool.threads()) floats. The same bytes for any number of
/// threads and any workspace. Error(kAborted) within milliseconds of cancellation: the gradient is then undefined.
/// Reports the multiply-adds of the taps that are inside.
void direct_weight_gradient(ThreadPool& pool, const Control& control, const Kernels& kernels,
                            const DirectGradientPlan& plan, const DndWeightGradientOperands& operands);

}  // namespace dnd::cpu
