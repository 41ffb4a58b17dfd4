#pragma once

#include <vector>

#include "arguments.h"
#include "model/training/trainer.h"

/// What a decoder in training is told.
namespace dnd::bindings {

/// `TrainerOptions` of src/engine/native-training.ts.
TrainerConfig read_trainer_config(const Argument& options);

/// `TrainingBatch` of src/engine/native-training.ts, in memory that JavaScript owns.
struct TrainingTasks {
  TrainingBatch batch;
  std::vector<Napi::Value> buffers;  ///< what the memory lives as long as
};

TrainingTasks read_tasks(const Argument& tasks, const DecoderConfig& config);

}  // namespace dnd::bindings
