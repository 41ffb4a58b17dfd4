#pragma once

#include "control.h"
#include "core/thread_pool.h"
#include "cpu/convolution/direct_plan.h"
#include "cpu/isa/stored_weight.h"

namespace dnd::cpu {

/// Runs the plan: a product over taps and input channels for every tile of the output, read straight from a zero-padded
/// copy of the plane (a tap is a shift of it) and from weights packed block by block.
/// `addend`, which may be null or y itself, is added to what is stored. `workspace` has
/// plan.workspace_floats(pool.threads()) floats.
void convolve_direct(ThreadPool& pool, const Control& control, const Kernels& kernels, const DirectPlan& plan,
                     const float* x, DndWeight weight, const float* addend, float* y, float* workspace);

}  // namespace dnd::cpu
