#include "model/training/trainer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "core/status.h"
#include "model/training/gradients.h"
#include "model/training/optimiser.h"
#include "model/training/optimiser_states.h"
#include "model/training/training_pass.h"

namespace dnd {
namespace {

constexpr int64_t kTrainingPass = 10;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

void check_batch_options(const TrainingBatch& batch) {
  if (!std::isfinite(batch.weight)) refuse("the weight of a training batch must be finite");
  for (const double sigma : {batch.condition_noise, batch.target_noise}) {
    if (!(sigma >= 0) || !std::isfinite(sigma)) refuse("noise: a standard deviation must be finite and not negative");
  }
  if (batch.target == nullptr && batch.output_gradient == nullptr) {
    refuse("a training batch needs a target or an output gradient");
  }
  // The output gradient is that of the weight tokens without noise.
  if (batch.output_gradient != nullptr && batch.condition_noise != 0) {
    refuse("noise: a batch with an output gradient must have none on its condition");
  }
}

}  // namespace

class Trainer::Implementation {
 public:
  Implementation(TrainerConfig options, const DeviceChoice& device)
      : config(std::move(options)),
        decoder(config.decoder, device),
        gradients(decoder.model().parameters()),
        states(decoder.parameters(), config.optimiser.moments) {}

  const Device& device() const { return decoder.model().device(); }

  /// Parameters, gradients and optimiser state.
  int64_t lasting_bytes() const { return 2 * decoder.parameter_bytes() + states.bytes(); }

  TrainingPlan planned(int64_t batch, int64_t limit, bool output_gradient) const;
  /// Cached. For jobs only, because it changes the cache.
  const TrainingPlan& plan(int64_t batch, int64_t limit, bool output_gradient);
  void upload_parameters(const TrainingPlan& plan, Job& job);
  void run(const TrainingPlan& plan, const TrainingBatch& batch, DndTokenSums* sums, const DndControl* control);
  /// Reuses the memory block of passes, whose pages are already mapped, within a limit on total memory.
  void reserve_block(int64_t bytes, int64_t limit);
  void free_block_beyond(int64_t limit, int64_t other_bytes);
  void drop_gradient() { gradients.accumulated = false; }

  const TrainerConfig config;
  Decoder decoder;
  Gradients gradients;
  OptimiserStates states;
  int64_t step = 0;

 private:
  std::optional<TrainingPlan> plan_;  ///< the last one, for planned_limit_
  int64_t planned_limit_ = 0;
  DeviceArray block_;  ///< host memory only; other devices reuse the memory of passes themselves
  int64_t block_bytes_ = 0;
};

TrainingPlan Trainer::Implementation::planned(int64_t batch, int64_t limit, bool output_gradient) const {
  decoder.model().check_batch(batch);
  return plan_training_pass(decoder.model(), batch, std::max<int64_t>(limit, 0) - lasting_bytes(), output_gradient);
}

const TrainingPlan& Trainer::Implementation::plan(int64_t batch, int64_t limit, bool output_gradient) {
  if (!plan_ || plan_->batch != batch || plan_->output_gradient != output_gradient || planned_limit_ != limit) {
    plan_ = planned(batch, limit, output_gradient);
    planned_limit_ = limit;
  }
  return *plan_;
}

/// Uploads before the pass begins; each convolution weight also in the form for the gradient of the input.
void Trainer::Implementation::upload_parameters(const TrainingPlan& plan, Job& job) {
  const DndControl control = cancel_only(job);
  decoder.model().invalidate_stale();
  decoder.model().upload_values();
  for (const DecoderLayer& layer : decoder.model().layers()) {
    const std::vector<StoredValues> weights = convolution_weights(layer);
    const auto steps =
        convolutions_of(layer, config.decoder, plan.batch, plan.convolution_limit, Activations::kSaved);
    const auto back = input_gradient_convolutions(steps);
    for (size_t i = 0; i < steps.size(); ++i) {
      device().call(device()->upload_convolution, &control, &steps[i], weights[i].data, plan.bytes);
      device().call(device()->upload_convolution, &control, &back[i], weights[i].data, plan.bytes);
    }
  }
}

void Trainer::Implementation::run(const TrainingPlan& plan, const TrainingBatch& batch, DndTokenSums* sums,
                                  const DndControl* control) {
  const auto bits = [](double number) { return std::bit_cast<int64_t>(number); };
  uint64_t saved = 0;
  for (const bool layer : plan.saved) saved = pass_key({static_cast<int64_t>(saved), layer});
  const uint64_t key = pass_key({kTrainingPass, plan.batch, plan.convolution_limit, static_cast<int64_t>(saved),
                                 gradients.accumulated, batch.target != nullptr, batch.output_gradient != nullptr,
                                 batch.importance != nullptr, bits(batch.weight),
                                 static_cast<int64_t>(batch.noise_key), static_cast<int64_t>(batch.noise_stream),
                                 bits(batch.condition_noise), bits(batch.target_noise), std::bit_cast<int64_t>(sums)});
  DevicePass pass(device(), key, plan.bytes);
  DeviceArray of_pass;
  if (!device().in_host_memory()) of_pass = DeviceArray::of_bytes(device(), static_cast<size_t>(plan.bytes));
  PassMemory memory(device().in_host_memory() ? block_.memory() : of_pass.memory());
  TrainingPass(decoder.model(), plan, &gradients, {memory, &pass, control}).run(batch, sums);
  pass.run(control);
}

void Trainer::Implementation::reserve_block(int64_t bytes, int64_t limit) {
  if (!device().in_host_memory()) return;
  free_block_beyond(limit, 0);
  if (block_bytes_ >= bytes) return;
  block_.reset();
  block_bytes_ = 0;
  block_ = DeviceArray::of_bytes(device(), static_cast<size_t>(bytes));
  block_bytes_ = bytes;
}

void Trainer::Implementation::free_block_beyond(int64_t limit, int64_t other_bytes) {
  if (block_bytes_ <= limit - lasting_bytes() - other_bytes) return;
  block_.reset();
  block_bytes_ = 0;
}

Trainer::Trainer(TrainerConfig config, const DeviceChoice& device) {
  check_options(config.optimiser);
  implementation_ = std::make_unique<Implementation>(std::move(config), check_trains(device));
}

Trainer::~Trainer() = default;

Decoder& Trainer::decoder() { return implementation_->decoder; }
const Decoder& Trainer::decoder() const { return implementation_->decoder; }
const TrainerConfig& Trainer::config() const { return implementation_->config; }
const std::vector<ParameterInfo>& Trainer::parameters() const { return decoder().parameters(); }
int64_t Trainer::parameter_bytes() const { return decoder().parameter_bytes(); }
float* Trainer::parameter(const std::string& name) { return decoder().parameter(name); }
const float* Trainer::parameter(const std::string& name) const { return decoder().parameter(name); }
void Trainer::prepare(Job& job) { decoder().prepare(job); }
bool Trainer::in_host_memory() const { return decoder().in_host_memory(); }
DeviceMemory Trainer::device_memory() const { return decoder().device_memory(); }
int64_t Trainer::step() const { return implementation_->step; }
const std::vector<StateInfo>& Trainer::states() const { return implementation_->states.infos(); }
int64_t Trainer::state_bytes() const { return implementation_->states.bytes(); }
void* Trainer::state(const std::string& name) { return implementation_->states.find(name); }
const void* Trainer::state(const std::string& name) const { return implementation_->states.find(name); }
void Trainer::reset_gradient() { implementation_->drop_gradient(); }

void Trainer::set_step(int64_t step) {
  if (step < 0) refuse("the number of steps done is " + std::to_string(step) + "; it must not be negative");
  implementation_->step = step;
}

TrainingMemory Trainer::memory(int64_t batch, int64_t limit, bool output_gradient) const {
  const TrainingPlan plan = implementation_->planned(batch, limit, output_gradient);
  return {.parameters = parameter_bytes(),
          .gradients = parameter_bytes(),
          .states = state_bytes(),
          .activations = plan.bytes,
          .saved_layers = plan.saved_layers(),
          .convolution_limit = plan.convolution_limit};
}

void Trainer::accumulate(const TrainingBatch& batch, DndTokenSums* sums, Job& job, int64_t limit) {
  Implementation& self = *implementation_;
  check_batch_options(batch);
  const TrainingPlan& plan = self.plan(batch.batch, limit, batch.output_gradient != nullptr);
  if (!plan.fits) {
    throw Error(ErrorCode::kOutOfMemory, "training with a batch of " + std::to_string(batch.batch) + " needs " +
                                             std::to_string(self.lasting_bytes() + plan.bytes) +
                                             " bytes of memory, and " + std::to_string(limit) +
                                             " are allowed; lower the batch, or use 8-bit moments");
  }
  const JobControl control(job, multiply_adds_of(self.decoder.model(), plan));
  std::fill_n(sums, batch.batch, DndTokenSums{});
  try {
    self.gradients.reserve();
    self.upload_parameters(plan, job);
    self.reserve_block(plan.bytes, limit);
    self.run(plan, batch, sums, control.get());
  } catch (...) {
    self.drop_gradient();  // some of it may have been added already
    throw;
  }
  self.gradients.accumulated = true;
  job.set_progress(1);
}

double Trainer::update(double learning_rate, Job& job) {
  Implementation& self = *implementation_;
  if (!self.gradients.accumulated) refuse("update: no gradient was accumulated since the last step");
  ParameterStore& parameters = self.decoder.model().parameters();
  const double norm = update_parameters(self.device(), self.config.optimiser, learning_rate, self.gradients, parameters,
                                        self.states, self.step, job);
  self.drop_gradient();
  job.set_progress(1);
  return norm;
}

const float* Trainer::gradient(const std::string& name) const {
  if (!implementation_->gradients.accumulated) refuse("there is no gradient of '" + name + "': none was accumulated");
  return implementation_->gradients.find(name);
}

void Trainer::forward(const float* condition, int64_t batch, float* tokens, Job& job, int64_t limit) {
  Implementation& self = *implementation_;
  const int64_t available = std::max<int64_t>(limit, 0) - self.lasting_bytes();
  const int64_t needed = self.decoder.workspace_bytes(batch, std::max<int64_t>(available, 0));
  if (needed > available) {
    throw Error(ErrorCode::kOutOfMemory, "evaluating a batch of " + std::to_string(batch) + " needs " +
                                             std::to_string(self.lasting_bytes() + needed) +
                                             " bytes of memory, and " + std::to_string(limit) + " are allowed");
  }
  self.free_block_beyond(limit, needed);
  self.decoder.forward(condition, batch, tokens, job, available);
}

}  // namespace dnd
