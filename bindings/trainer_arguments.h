#pragma once

#include <vector>

#include "arguments.h"
#include "model/training/trainer.h"

/// Arguments of training.
namespace dnd::bindings {

/// `OptimiserOptions` of src/engine/native-training.ts.
OptimiserOptions read_optimiser_options(const Argument& options);

/// `TrainerOptions` of src/engine/native-training.ts.
TrainerConfig read_trainer_config(const Argument& options);

/// `TrainingBatch` of src/engine/native-training.ts, in memory that JavaScript owns.
struct TrainingTasks {
  TrainingBatch batch;
  std::vector<Napi::Value> buffers;  ///< own the memory of `batch`
};

TrainingTasks read_tasks(const Argument& tasks, const DecoderConfig& config);

}  // namespace dnd::bindings
