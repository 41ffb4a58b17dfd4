#pragma once

#include "core/job.h"
#include "model/device.h"
#include "model/parameter_store.h"
#include "model/training/gradients.h"
#include "model/training/optimiser_states.h"

namespace dnd {

/// √Σ gradient² over all parameters, in their order.
double gradient_norm(const Device& device, const ParameterStore& parameters, const Gradients& gradients, Job& job);

/// What the gradient is multiplied with, as torch.nn.utils.clip_grad_norm_ does; `most` 0: not clipped.
double clipping_factor(double norm, double most);

/// One step on all parameters. Not to be cancelled: that would leave some of them changed.
void step_parameters(const Device& device, const DndAdamW& step, const Gradients& gradients, ParameterStore& parameters,
                     OptimiserStates& states, Job& job);

}  // namespace dnd
