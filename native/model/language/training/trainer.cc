#include "model/language/training/trainer.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "core/status.h"
#include "model/initialise.h"
#include "model/job_control.h"
#include "model/language/labelled_rows.h"
#include "model/language/pass.h"
#include "model/language/training/pass.h"
#include "model/training/optimiser.h"

namespace dnd {
namespace {

constexpr int64_t kTrainingPass = 26;
constexpr double kStandardDeviation = 0.02;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

std::shared_ptr<const LoraLayout> layout_of(const CausalConfig& config, const std::optional<LoraShape>& shape) {
  return shape ? std::make_shared<const LoraLayout>(config, *shape) : nullptr;
}

ParameterStore adapter_parameters(const LoraLayout* layout) {
  ParameterStore parameters;
  if (layout != nullptr) parameters.add_contiguous(layout->matrices());
  return parameters;
}

/// Every row uses the trained adapter, which is number 0.
CausalBatch with_adapter(const CausalBatch& batch, std::shared_ptr<const LoraLayout> layout) {
  if (batch.lora) refuse("accumulate: the batch has adapters of its own; the trainer has the one that it trains");
  CausalBatch adapted = batch;
  if (layout == nullptr) return adapted;
  adapted.lora = AdapterBatch{.layout = std::move(layout),
                              .scale = 1,
                              .adapters = {nullptr},
                              .adapter_of = std::vector<int64_t>(batch.lengths.size(), 0)};
  return adapted;
}

}  // namespace

CausalTrainer::CausalTrainer(std::shared_ptr<CausalModel> model, const CausalTrainerConfig& config,
                             const DeviceChoice& device)
    : model_(std::move(model)),
      layout_(layout_of(model_->config(), config.lora)),
      scale_(config.scale),
      optimiser_((check_options(config.optimiser), config.optimiser)),
      adapter_(adapter_parameters(layout_.get())),
      runtime_(model_, check_trains(device)),
      gradients_(trained()),
      states_(trained().infos(), config.optimiser.moments) {
  if (!std::isfinite(scale_)) refuse("the scale of an adapter must be finite");
  if (layout_ == nullptr && device.options.precision == kDndBfloat16) {
    refuse("the precision bf16 is for frozen weights, and every parameter would be trained; use fp32, or train an adapter");
  }
  const ParameterStore& parameters = model_->parameters();
  for (size_t i = 0; layout_ == nullptr && i < parameters.infos().size(); ++i) {
    if (parameters.is_mapped(i)) {
      refuse("parameter " + parameters.infos()[i].name + " is in a mapped file, and every parameter would be trained");
    }
  }
}

void CausalTrainer::prepare(Job& job) {
  const std::shared_lock lock(model_->access());
  runtime_.prepare(1, job, PassKind::kBackward);
  job.set_progress(1);
}

void CausalTrainer::initialise(uint64_t seed, Job& job) {
  if (trains_adapter()) return initialise_adapter(adapter_, seed, 0, job);
  const std::unique_lock lock(model_->access());
  initialise_language_model(model_->parameters(), seed, kStandardDeviation, 0, job);
}

void CausalTrainer::set_step(int64_t step) {
  if (step < 0) refuse("the number of steps done is " + std::to_string(step) + "; it must not be negative");
  step_ = step;
}

int64_t CausalTrainer::lasting_bytes() const {
  const int64_t parameters = trained().bytes();
  return (trains_adapter() ? 2 : 1) * parameters + states_.bytes();
}

std::optional<LoraOperands> CausalTrainer::operands() const {
  if (!trains_adapter()) return std::nullopt;
  LoraOperands operands{.layout = layout_.get(), .scale = scale_, .adapters = {adapter_.at(0)}, .gradients = {}};
  if (gradients_.reserved()) operands.gradients = {gradients_.of(adapter_.at(0))};
  return operands;
}

CausalTrainingMemory CausalTrainer::memory(const CausalBatch& batch, const int32_t* labels, int64_t limit) const {
  const CausalBatch adapted = with_adapter(batch, layout_);
  check_batch(config(), adapted);
  const CausalRows rows = labelled_rows(adapted, 0, adapted.lengths.size(), labels);
  const std::optional<LoraOperands> lora = operands_of(adapted.lora);
  const int64_t other = lasting_bytes() + runtime_.other_bytes(adapted.longest(), PassKind::kBackward);
  const CausalTrainingPlan plan =
      plan_training_pass(runtime_, rows, address_of(lora), !trains_adapter(), limit - other);
  return {.parameters = trains_adapter() ? adapter_.bytes() : 0,
          .gradients = trained().bytes(),
          .states = states_.bytes(),
          .activations = plan.bytes + other - lasting_bytes(),
          .saved_layers = plan.saved_layers};
}

std::vector<LikelihoodSum> CausalTrainer::accumulate(const CausalBatch& batch, const int32_t* labels, double weight,
                                                     Job& job, int64_t limit) {
  const CausalBatch adapted = with_adapter(batch, layout_);
  check_batch(config(), adapted);
  check_labels(config(), adapted, labels);
  if (!std::isfinite(weight)) refuse("the weight of a training batch must be finite");
  const std::shared_lock lock(model_->access());
  const CausalRows rows = labelled_rows(adapted, 0, adapted.lengths.size(), labels);
  std::vector<double> losses(rows.outputs.size());
  gradients_.reserve();
  if (losses.empty()) {
    if (!gradients_.accumulated) gradients_.clear();
  } else {
    const int64_t available = limit - lasting_bytes() - runtime_.other_bytes(adapted.longest(), PassKind::kBackward);
    const CausalTrainingPlan plan = planned(adapted, rows, available);
    runtime_.free_block_beyond(available);
    try {
      runtime_.prepare(adapted.longest(), job, PassKind::kBackward);
      run(rows, plan, weight, losses.data(), job);
    } catch (...) {
      reset_gradient();  // some of it may have been added already
      throw;
    }
  }
  gradients_.accumulated = true;
  job.set_progress(1);
  std::vector<LikelihoodSum> sums(adapted.lengths.size());
  add_likelihoods(rows, losses, sums);
  return sums;
}

CausalTrainingPlan CausalTrainer::planned(const CausalBatch& batch, const CausalRows& rows,
                                          int64_t available) const {
  const std::optional<LoraOperands> lora = operands();
  const CausalTrainingPlan plan =
      plan_training_pass(runtime_, rows, address_of(lora), !trains_adapter(), available);
  if (plan.fits) return plan;
  throw Error(ErrorCode::kOutOfMemory, "training on " + std::to_string(batch.lengths.size()) + " sequences of " +
                                           std::to_string(batch.tokens()) + " tokens together needs " +
                                           std::to_string(plan.bytes) + " bytes of working memory, and " +
                                           std::to_string(std::max<int64_t>(available, 0)) +
                                           " are left; lower the batch, or shorten its sequences");
}

void CausalTrainer::run(const CausalRows& rows, const CausalTrainingPlan& plan, double weight, double* losses,
                        Job& job) {
  const std::optional<LoraOperands> lora = operands();
  const LoraOperands* const adapter = address_of(lora);
  const DndControl control = cancel_only(job);
  const int64_t passes = CausalTrainingPass::layer_passes(config(), adapter, plan.saved_layers);
  LayerProgress progress{job, static_cast<double>(passes)};
  const TrainedSet trained = {!trains_adapter(), &gradients_, gradients_.accumulated};
  runtime_.run_within(
      plan.bytes,
      pass_key({static_cast<int64_t>(rows_key(kTrainingPass, rows)), plan.saved_layers, trained.accumulated}), &control,
      [&](const PassContext& context) {
        CausalTrainingPass(runtime_, rows, adapter, trained, plan.saved_layers, context, &progress).run(weight, losses);
        return 0;
      },
      [](int) {});
}

double CausalTrainer::update(double learning_rate, Job& job) {
  if (!gradients_.accumulated) refuse("update: no gradient was accumulated since the last step");
  std::unique_lock<std::shared_mutex> lock;
  if (!trains_adapter()) lock = std::unique_lock(model_->access());
  const double norm = update_parameters(runtime_.device(), optimiser_, learning_rate, gradients_, trained(), states_,
                                        step_, job);
  reset_gradient();
  job.set_progress(1);
  return norm;
}

const float* CausalTrainer::gradient(const std::string& name) const {
  if (!gradients_.accumulated) refuse("there is no gradient of '" + name + "': none was accumulated");
  return gradients_.find(name);
}

}  // namespace dnd
