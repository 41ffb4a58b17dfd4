#include "trainer_arguments.h"

#include "decoder_arguments.h"

namespace dnd::bindings {

TrainerConfig read_trainer_config(const Argument& options) {
  constexpr MomentType kMoments[] = {MomentType::kFloat32, MomentType::kEightBit};
  TrainerConfig config{.decoder = read_decoder_config(options), .optimiser = {}};
  OptimiserOptions& optimiser = config.optimiser;
  optimiser.beta1 = options.field("beta1").fraction();
  optimiser.beta2 = options.field("beta2").fraction();
  optimiser.eps = options.field("eps").positive_number();
  optimiser.weight_decay = options.field("weightDecay").not_negative_number();
  optimiser.max_gradient_norm = options.field("maxGradientNorm").not_negative_number();
  optimiser.moments = kMoments[options.field("moments").choice({"fp32", "8bit"})];
  return config;
}

TargetBatch read_targets(const DecoderConfig& config, const Argument& condition, const Argument& target,
                         const Argument& importance, int64_t batch) {
  const Feature last = config.features.back();
  const auto floats = [](const Slice& slice) { return reinterpret_cast<const float*>(slice.data); };
  const Slice conditions = read_condition(condition, config, batch);
  const Slice targets = target.tensor("float32", {batch, last.tokens, last.height, last.width});
  TargetBatch read = {floats(conditions), floats(targets), nullptr, batch, {conditions.buffer, targets.buffer}};
  if (importance.is_null()) return read;
  const Slice weights = importance.tensor("float32", {last.tokens});
  read.importance = floats(weights);
  read.buffers.push_back(weights.buffer);
  return read;
}

}  // namespace dnd::bindings
