#pragma once

#include <cstdint>
#include <vector>

#include "core/job.h"
#include "model/language/batch.h"
#include "model/language/runtime.h"

namespace dnd {

/// Memory of a training pass.
struct CausalPassMemory {
  int64_t activations;   ///< saved ones, and the workspace of the backward pass; bytes
  int64_t saved_layers;  ///< layers whose activations are saved; the others compute them again
};

/// Memory of adapter_gradients within `limit` bytes, or else the least that it needs. Adapters are not read.
CausalPassMemory adapter_gradient_memory(const CausalRuntime& runtime, const CausalBatch& batch, const int32_t* labels,
                                         int64_t limit);

/// Gradient of weight · Σ losses of the labels with respect to each adapter of the batch, into
/// gradients[adapter][elements], host memory; zeros for an adapter that no sequence uses. The model is frozen. Results
/// do not depend on the limit. Returns the likelihoods of the sequences. Where the adapters have teachers the losses are
/// KL(with the teacher ‖ with the adapter) of the predictions of the labels, whatever these are, and −KL is returned in
/// the place of the likelihoods.
/// Error(kInvalidArgument) as check_batch and check_labels, and for a batch without adapters; Error(kOutOfMemory) if the
/// limit is too low; Error(kUnavailable) on a device that does not train; Error(kAborted).
std::vector<LikelihoodSum> adapter_gradients(CausalRuntime& runtime, const CausalBatch& batch, const int32_t* labels,
                                             double weight, const std::vector<float*>& gradients, Job& job,
                                             int64_t limit = INT64_MAX);

}  // namespace dnd
