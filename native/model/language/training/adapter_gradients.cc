#include "model/language/training/adapter_gradients.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <shared_mutex>
#include <string>

#include "core/status.h"
#include "model/job_control.h"
#include "model/language/labelled_rows.h"
#include "model/language/training/pass.h"

namespace dnd {
namespace {

constexpr int64_t kGradientPass = 25, kTaughtPass = 27;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

void require_adapters(const CausalBatch& batch) {
  if (!batch.lora || batch.lora->adapter_of.empty()) refuse("adapterGradients: the batch has no adapters");
}

}  // namespace

CausalPassMemory adapter_gradient_memory(const CausalRuntime& runtime, const CausalBatch& batch, const int32_t* labels,
                                         int64_t limit) {
  require_adapters(batch);
  check_batch(runtime.config(), batch);
  const std::optional<LoraOperands> lora = operands_of(batch.lora);
  const CausalRows rows = labelled_rows(batch, 0, batch.lengths.size(), labels);
  const int64_t other = runtime.other_bytes(batch.longest(), PassKind::kBackward);
  const CausalTrainingPlan plan = plan_training_pass(runtime, rows, &*lora, false, limit - other);
  return {.activations = plan.bytes + other, .saved_layers = plan.saved_layers};
}

std::vector<LikelihoodSum> adapter_gradients(CausalRuntime& runtime, const CausalBatch& batch, const int32_t* labels,
                                             double weight, const std::vector<float*>& gradients, Job& job,
                                             int64_t limit) {
  require_adapters(batch);
  check_batch(runtime.config(), batch);
  check_labels(runtime.config(), batch, labels);
  if (!std::isfinite(weight)) refuse("adapterGradients: the weight must be finite");
  if (runtime.device()->training == nullptr) {
    throw Error(ErrorCode::kUnavailable, "the device does not compute gradients; choose the device cpu");
  }
  const std::shared_lock lock(runtime.model().access());
  const DndControl control = cancel_only(job);
  const CausalRows rows = labelled_rows(batch, 0, batch.lengths.size(), labels);
  for (float* const gradient : gradients) std::fill_n(gradient, batch.lora->layout->elements(), 0.0f);
  std::vector<double> losses(rows.outputs.size());
  std::vector<LikelihoodSum> sums(batch.lengths.size());
  if (losses.empty()) return sums;

  runtime.prepare(batch.longest(), job, PassKind::kBackward);
  LoraOperands lora = *operands_of(batch.lora);
  lora.gradients = gradients;
  const int64_t other = runtime.other_bytes(batch.longest(), PassKind::kBackward);
  const CausalTrainingPlan plan = plan_training_pass(runtime, rows, &lora, false, limit - other);
  if (!plan.fits) {
    throw Error(ErrorCode::kOutOfMemory, "the gradient of adapters needs " + std::to_string(plan.bytes + other) +
                                             " bytes of memory, and " + std::to_string(limit) +
                                             " are allowed; give fewer or shorter sequences");
  }
  const int64_t passes =
      CausalTrainingPass::layer_passes(runtime.config(), &lora, plan.saved_layers);
  LayerProgress progress{job, static_cast<double>(passes)};
  const int64_t kind = lora.teachers.empty() ? kGradientPass : kTaughtPass;
  runtime.run_within(
      plan.bytes, pass_key({static_cast<int64_t>(rows_key(kind, rows)), plan.saved_layers}), &control,
      [&](const PassContext& context) {
        CausalTrainingPass(runtime, rows, &lora, {}, plan.saved_layers, context, &progress)
            .run(weight, losses.data());
        return 0;
      },
      [](int) {});
  runtime.free_block_beyond(0);
  job.set_progress(1);
  add_likelihoods(rows, losses, sums);
  return sums;
}

}  // namespace dnd
