#include "trainer_arguments.h"

#include "decoder_arguments.h"

namespace dnd::bindings {

OptimiserOptions read_optimiser_options(const Argument& options) {
  constexpr MomentType kMoments[] = {MomentType::kFloat32, MomentType::kEightBit};
  OptimiserOptions optimiser;
  optimiser.beta1 = options.field("beta1").fraction();
  optimiser.beta2 = options.field("beta2").fraction();
  optimiser.eps = options.field("eps").positive_number();
  optimiser.weight_decay = options.field("weightDecay").not_negative_number();
  optimiser.max_gradient_norm = options.field("maxGradientNorm").not_negative_number();
  optimiser.moments = kMoments[options.field("moments").choice({"fp32", "8bit"})];
  return optimiser;
}

TrainerConfig read_trainer_config(const Argument& options) {
  return {.decoder = read_decoder_config(options), .optimiser = read_optimiser_options(options)};
}

TrainingTasks read_tasks(const Argument& tasks, const DecoderConfig& config) {
  const Feature last = config.features.back();
  const auto floats = [](const Slice& slice) { return reinterpret_cast<const float*>(slice.data); };
  const int64_t batch = tasks.field("batch").integer(1);
  const Slice condition = read_condition(tasks.field("condition"), config, batch);
  const Slice target = tasks.field("target").tensor("float32", {batch, last.tokens, last.height, last.width});
  TrainingTasks read = {{floats(condition), floats(target), nullptr, batch}, {condition.buffer, target.buffer}};
  if (const Argument importance = tasks.field("importance"); !importance.is_null()) {
    const Slice weights = importance.tensor("float32", {last.tokens});
    read.batch.importance = floats(weights);
    read.buffers.push_back(weights.buffer);
  }
  read.batch.weight = tasks.field("weight").positive_number();
  read.batch.noise_key = uint64_t(tasks.field("noiseKey").integer(0));
  read.batch.noise_stream = uint64_t(tasks.field("noiseStream").integer(0));
  read.batch.condition_noise = tasks.field("conditionNoise").not_negative_number();
  read.batch.target_noise = tasks.field("targetNoise").not_negative_number();
  return read;
}

}  // namespace dnd::bindings
