#include "model/language/training/adapter_gradients.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <shared_mutex>
#include <string>

#include "core/status.h"
#include "model/job_control.h"
#include "model/language/training/pass.h"

namespace dnd {
namespace {

constexpr int64_t kGradientPass = 25, kTaughtPass = 27;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

void require_adapters(const CausalBatch& batch) {
  if (!batch.lora || batch.lora->adapter_of.empty()) refuse("adapterGradients: the batch has no adapters");
}

/// Sequences by their adapter, so that the rows of each are one group.
std::vector<size_t> order_by_adapter(const CausalBatch& batch) {
  std::vector<size_t> order(batch.lengths.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const std::vector<int64_t>& adapters = batch.lora->adapter_of;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return adapters[a] < adapters[b]; });
  return order;
}

CausalRows ordered_rows(const CausalBatch& batch, const int32_t* labels, const std::vector<size_t>& order) {
  std::vector<int64_t> firsts(batch.lengths.size());
  std::exclusive_scan(batch.lengths.begin(), batch.lengths.end(), firsts.begin(), int64_t{0});
  CausalRows rows;
  for (const size_t i : order) {
    rows.append(batch.ids + firsts[i], batch.lengths[i], 0, batch.lora->adapter_of[i]);
    rows.add_labels(labels + firsts[i]);
  }
  return rows;
}

/// Likelihoods in the order of the batch.
std::vector<LikelihoodSum> in_order(const std::vector<LikelihoodSum>& sums, const std::vector<size_t>& order) {
  std::vector<LikelihoodSum> ordered(sums.size());
  for (size_t i = 0; i < sums.size(); ++i) ordered[order[i]] = sums[i];
  return ordered;
}

}  // namespace

CausalRows counted_rows(const CausalBatchShape& shape, const std::vector<size_t>& order) {
  CausalRows rows;
  int64_t outputs = 0;
  for (const size_t i : order) {
    rows.append(nullptr, shape.batch.lengths[i], 0, shape.batch.lora ? shape.batch.lora->adapter_of[i] : -1);
    if (!shape.labelled.empty()) outputs += shape.labelled[i];
  }
  rows.outputs.resize(static_cast<size_t>(outputs));
  rows.labels.resize(static_cast<size_t>(outputs));
  return rows;
}

CausalPassMemory adapter_gradient_memory(const CausalRuntime& runtime, const CausalBatchShape& shape, int64_t limit) {
  require_adapters(shape.batch);
  check_batch(runtime.config(), shape.batch);
  const std::optional<LoraOperands> lora = operands_of(shape.batch.lora);
  const CausalRows rows = counted_rows(shape, order_by_adapter(shape.batch));
  const int64_t other = runtime.other_bytes(shape.batch.longest(), PassKind::kBackward);
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
  const std::vector<size_t> order = order_by_adapter(batch);
  const CausalRows rows = ordered_rows(batch, labels, order);
  for (float* const gradient : gradients) std::fill_n(gradient, batch.lora->layout->elements(), 0.0f);
  std::vector<double> losses(rows.outputs.size());
  if (losses.empty()) return in_order(likelihoods(rows, losses), order);

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
  return in_order(likelihoods(rows, losses), order);
}

}  // namespace dnd
