#pragma once

#include "core/job.h"
#include "model/device.h"
#include "model/parameter_store.h"
#include "model/training/gradients.h"
#include "model/training/optimiser_states.h"

namespace dnd {

/// √Σ gradient² over all parameters, summed in their order.
double gradient_norm(const Device& device, const ParameterStore& parameters, const Gradients& gradients, Job& job);

/// Scale of the gradient, as in torch.nn.utils.clip_grad_norm_; `max_norm` 0: no clipping.
double clipping_factor(double norm, double max_norm);

/// One step on all parameters. Not cancellable: that would leave only some of them updated.
void step_parameters(const Device& device, const DndAdamW& step, const Gradients& gradients, ParameterStore& parameters,
                     OptimiserStates& states, Job& job);

/// Norm, clipping, one step, which is counted. Where the norm is not finite, nothing changes. Returns the norm before
/// clipping. Error(kInvalidArgument) for a learning rate that is negative or not finite; Error(kAborted), nothing
/// changed.
double update_parameters(const Device& device, const OptimiserOptions& options, double learning_rate,
                         const Gradients& gradients, ParameterStore& parameters, OptimiserStates& states, int64_t& steps,
                         Job& job);

}  // namespace dnd
