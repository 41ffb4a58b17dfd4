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
  TrainingTasks read = {{floats(condition), nullptr, nullptr, batch}, {condition.buffer}};
  const auto tokens_or_null = [&](const char* field) -> const float* {
    const Argument given = tasks.field(field);
    if (given.is_null()) return nullptr;
    const Slice tokens = given.tensor("float32", {batch, last.tokens, last.height, last.width});
    read.buffers.push_back(tokens.buffer);
    return floats(tokens);
  };
  read.batch.target = tokens_or_null("target");
  read.batch.output_gradient = tokens_or_null("outputGradient");
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
