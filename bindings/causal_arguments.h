#pragma once

#include <optional>
#include <vector>

#include "arguments.h"
#include "model/language/batch.h"
#include "model/language/config.h"
#include "model/language/generation.h"
#include "model/language/training/trainer.h"

/// Arguments of causal language models (src/engine/native-language.ts).
namespace dnd::bindings {

/// `CausalOptions`.
CausalConfig read_causal_config(const Argument& options);

/// `CausalBatch`, in memory that JavaScript owns.
struct CausalInput {
  CausalBatch batch;
  std::vector<Napi::Value> buffers;  ///< own the memory of `batch`, and labels
  const int32_t* labels = nullptr;
};
CausalInput read_causal_batch(const Argument& batch, const CausalConfig& config);
/// Adds `labels`, int32 [tokens].
void read_labels(const Argument& labels, CausalInput& input);

/// `GenerationSettings`.
GenerationSettings read_generation_settings(const Argument& settings);

/// `CausalTrainerOptions`.
CausalTrainerConfig read_causal_trainer_config(const Argument& options);

}  // namespace dnd::bindings
