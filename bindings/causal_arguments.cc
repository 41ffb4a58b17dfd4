#include "causal_arguments.h"

#include "trainer_arguments.h"

namespace dnd::bindings {
namespace {

LoraShape read_lora_shape(const Argument& lora) {
  LoraShape shape;
  shape.rank = lora.field("rank").integer(1);
  for (const Argument& module : lora.field("modules").items()) {
    constexpr Module kNamed[] = {Module::kQuery, Module::kKey,  Module::kValue, Module::kOutput,
                                 Module::kUp,    Module::kGate, Module::kDown};
    shape.modules.push_back(kNamed[module.choice(
        {"q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "gate_proj", "down_proj"})]);
  }
  shape.layers = lora.field("layers").integers(0);
  return shape;
}

/// Of this layout, in memory that `input` keeps.
std::vector<const float*> read_adapters(const Argument& adapters, const LoraLayout& layout, CausalInput& input) {
  std::vector<const float*> read;
  for (const Argument& adapter : adapters.items()) {
    const Slice weights = adapter.tensor("float32", {layout.elements()});
    read.push_back(reinterpret_cast<const float*>(weights.data));
    input.buffers.push_back(weights.buffer);
  }
  return read;
}

}  // namespace

CausalConfig read_causal_config(const Argument& options) {
  CausalConfig config{};
  config.vocab_size = options.field("vocabSize").integer(1);
  config.hidden_size = options.field("hiddenSize").integer(1);
  config.layers = options.field("layers").integer(1);
  config.heads = options.field("heads").integer(1);
  config.kv_heads = options.field("kvHeads").integer(1);
  config.head_width = options.field("headWidth").integer(1);
  config.intermediate_size = options.field("intermediateSize").integer(1);
  config.max_positions = options.field("maxPositions").integer(1);
  config.rms_norm_eps = float(options.field("rmsNormEps").not_negative_number());
  config.qkv_bias = options.field("qkvBias").boolean();
  config.output_bias = options.field("outputBias").boolean();
  config.mlp_bias = options.field("mlpBias").boolean();
  config.query_key_norm = options.field("queryKeyNorm").boolean();
  config.tied_head = options.field("tiedHead").boolean();
  config.windows = options.field("windows").integers(0);
  for (const Argument& frequency : options.field("inverseFrequencies").items()) {
    config.inverse_frequencies.push_back(frequency.not_negative_number());
  }
  return config;
}

CausalInput read_causal_batch(const Argument& batch, const CausalConfig& config) {
  CausalInput input;
  input.batch.lengths = batch.field("lengths").positive_integers();
  const Slice ids = batch.field("ids").tensor("int32", {input.batch.tokens()});
  input.batch.ids = reinterpret_cast<const int32_t*>(ids.data);
  input.buffers.push_back(ids.buffer);
  const Argument lora = batch.field("lora");
  if (lora.is_null()) return input;
  AdapterBatch adapters;
  adapters.layout = std::make_shared<const LoraLayout>(config, read_lora_shape(lora));
  adapters.adapter_of = lora.field("adapterOf").integers(-1);
  adapters.scale = float(lora.field("scale").number());
  adapters.adapters = read_adapters(lora.field("adapters"), *adapters.layout, input);
  adapters.teachers = read_adapters(lora.field("teachers"), *adapters.layout, input);
  input.batch.lora = std::move(adapters);
  return input;
}

void read_labels(const Argument& labels, CausalInput& input) {
  const Slice slice = labels.tensor("int32", {input.batch.tokens()});
  input.labels = reinterpret_cast<const int32_t*>(slice.data);
  input.buffers.push_back(slice.buffer);
}

GenerationSettings read_generation_settings(const Argument& settings) {
  GenerationSettings read;
  read.max_new_tokens = settings.field("maxNewTokens").integer(1);
  for (const int64_t id : settings.field("endIds").integers(0)) read.end_ids.push_back(int32_t(id));
  read.sampling.temperature = settings.field("temperature").not_negative_number();
  read.sampling.top_k = settings.field("topK").integer(0);
  read.sampling.top_p = settings.field("topP").positive_number();
  read.sampling.seed = uint64_t(settings.field("seed").integer(0));
  for (const int64_t stream : settings.field("streams").integers(0)) read.streams.push_back(uint64_t(stream));
  return read;
}

CausalTrainerConfig read_causal_trainer_config(const Argument& options) {
  CausalTrainerConfig config;
  config.optimiser = read_optimiser_options(options);
  if (options.field("trained").choice({"all", "lora"}) == 0) return config;
  config.lora = read_lora_shape(options);
  config.scale = float(options.field("scale").number());
  return config;
}

}  // namespace dnd::bindings
