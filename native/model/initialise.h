#pragma once

#include <cstdint>

#include "core/job.h"
#include "model/parameter_store.h"

namespace dnd {

/// Initialises a decoder's parameters with PyTorch's defaults: convolution weights uniform ±1/√(C·k²), `linear1.bias`
/// uniform ±1/elements, `linear2.bias` uniform ±1/√(N·k²), norms 1 and 0, the length projection's weights N(0, 1) and
/// its biases uniform ±1/√inputs.
///
/// Element e of parameter p (in the store's order) comes from word e mod 4 of the Philox block with counter
/// (e / 4 as 64 bits, p, 0) and key `seed`: every piece is independent, so the numbers do not depend on the number
/// of threads; and they do not depend on the machine, because only operations that IEEE 754 defines exactly are used
/// (+ − · / √, no libm, no contraction). Error(kAborted) soon after the job is cancelled.
void initialise_decoder(ParameterStore& parameters, uint64_t seed, int threads, Job& job);

/// Elements [begin, begin + count) of what `initialise_decoder` gives parameter number `index`, in memory of the caller;
/// begin is a multiple of 4.
void initial_decoder_values(const ParameterStore& parameters, uint64_t seed, size_t index, int64_t begin, int64_t count,
                            int threads, Job& job, float* values);

/// The same for a causal language model: matrices N(0, standard_deviation²), norms 1, biases 0.
void initialise_language_model(ParameterStore& parameters, uint64_t seed, double standard_deviation, int threads,
                               Job& job);

/// The same for a LoRA adapter, as PEFT begins one: every lora_A [rank, in] uniform ±1/√in, every lora_B 0.
void initialise_adapter(ParameterStore& parameters, uint64_t seed, int threads, Job& job);

}  // namespace dnd
