#pragma once

#include "backend_training.h"

namespace dnd::cpu {

/// What the CPU's table offers for training.
extern const DndTrainingOperations kTraining;

}  // namespace dnd::cpu
