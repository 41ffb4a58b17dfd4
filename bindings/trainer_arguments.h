#pragma once

#include <cstdint>
#include <vector>

#include "arguments.h"
#include "model/training/trainer.h"

/// What a decoder in training is told.
namespace dnd::bindings {

/// `TrainerOptions` of src/engine/native-training.ts.
TrainerConfig read_trainer_config(const Argument& options);

/// Conditions, targets and importance, in memory that JavaScript owns.
struct TargetBatch {
  const float* condition;
  const float* target;
  const float* importance;  ///< null: ones
  int64_t batch;
  std::vector<Napi::Value> buffers;  ///< what the memory lives as long as
};

TargetBatch read_targets(const DecoderConfig& config, const Argument& condition, const Argument& target,
                         const Argument& importance, int64_t batch);

}  // namespace dnd::bindings
