#include "model/language/generation.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <shared_mutex>
#include <string>
#include <utility>

#include "core/status.h"
#include "model/job_control.h"
#include "model/language/chunks.h"
#include "model/language/pass.h"

namespace dnd {
namespace {

constexpr int64_t kPromptPass = 23, kStepPass = 24;
constexpr int64_t kFloat = sizeof(float);

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

void check_settings(const CausalBatch& batch, const GenerationSettings& settings) {
  const SamplingSettings& sampling = settings.sampling;
  if (settings.max_new_tokens < 1) refuse("maxNewTokens must be at least 1");
  if (!(sampling.temperature >= 0) || !std::isfinite(sampling.temperature)) {
    refuse("the temperature must be finite and not negative; 0 is greedy");
  }
  if (sampling.top_k < 0) refuse("topK must be positive, or 0 for all tokens");
  if (!(sampling.top_p > 0 && sampling.top_p <= 1)) refuse("topP must be above 0 and at most 1");
  if (settings.streams.size() != batch.lengths.size()) refuse("there must be one stream for each sequence");
}

/// New tokens that a prompt has room for.
int64_t new_tokens(const CausalConfig& config, int64_t length, int64_t most) {
  return std::min(most, config.max_positions - length);
}

/// Rows of the cache for a prompt: the last new token is never read again.
int64_t cache_rows(const CausalConfig& config, int64_t length, int64_t most) {
  return length + std::max<int64_t>(new_tokens(config, length, most) - 1, 0);
}

/// Logits at the outputs, or at every row if there are none.
PassArray cached_steps(const CausalRuntime& runtime, const CausalRows& rows, const LoraOperands* lora,
                       const KeyValueCache& cache, ProductKind kind, const PassContext& context) {
  CausalPass pass(runtime, rows, lora, kind, context);
  PassArray x = pass.layers(pass.embed(), runtime.config().layers, &cache);
  const int64_t count = rows.outputs.empty() ? rows.rows() : static_cast<int64_t>(rows.outputs.size());
  x = pass.final_norm(std::move(x), count);
  return pass.head(x.data(), count);
}

class Generation {
 public:
  Generation(CausalRuntime& runtime, const CausalBatch& batch, const GenerationSettings& settings, Job& job)
      : runtime_(runtime),
        batch_(batch),
        settings_(settings),
        job_(job),
        lock_(runtime.model().access()),
        control_(cancel_only(job)),
        lora_(operands_of(batch.lora)),
        sequences_(batch.lengths.size()) {
    int64_t row = 0, longest = 0;
    const int32_t* ids = batch.ids;
    for (size_t i = 0; i < sequences_.size(); ++i) {
      const int64_t length = batch.lengths[i];
      const int64_t room = new_tokens(runtime.config(), length, settings.max_new_tokens);
      sequences_[i] = {.ids = ids, .position = length, .room = room, .first_row = row, .generated = {}};
      ids += length;
      if (room < 1) continue;
      running_.push_back(i);
      row += cache_rows(runtime.config(), length, settings.max_new_tokens);
      longest = std::max(longest, length + room);
    }
    if (running_.empty()) return;
    runtime.prepare(longest, job);
    allocate_cache(row);
  }
  ~Generation() { runtime_.free_block_beyond(0); }

  std::vector<GeneratedSequence> run() {
    read_prompts();
    while (!running_.empty()) add_token();
    job_.set_progress(1);
    std::vector<GeneratedSequence> results;
    for (Sequence& sequence : sequences_) results.push_back(std::move(sequence.generated));
    return results;
  }

 private:
  struct Sequence {
    const int32_t* ids;
    int64_t position;   ///< tokens so far
    int64_t room;       ///< new tokens that may still come
    int64_t first_row;  ///< in the cache
    GeneratedSequence generated;
  };

  void allocate_cache(int64_t rows) {
    for (int64_t layer = 0; layer < runtime_.config().layers; ++layer) {
      for (std::vector<DeviceArray>* arrays : {&cache_.keys, &cache_.values}) {
        arrays->emplace_back(runtime_.device(), rows * runtime_.config().key_value_width());
      }
    }
  }

  int64_t adapter_of(size_t sequence) const { return batch_.lora ? batch_.lora->adapter_of[sequence] : -1; }

  void read_prompts() {
    std::vector<int64_t> lengths;
    for (const size_t i : running_) lengths.push_back(batch_.lengths[i]);
    const std::vector<size_t> prompts = running_;
    for (size_t begin = 0; begin < prompts.size();) {
      const size_t end = chunk_end(lengths, begin, chunk_rows(runtime_.config(), false));
      CausalRows rows;
      for (size_t i = begin; i < end; ++i) {
        const Sequence& sequence = sequences_[prompts[i]];
        rows.append_cached(sequence.ids, lengths[i], 0, adapter_of(prompts[i]), sequence.first_row);
        rows.outputs.push_back(static_cast<int32_t>(rows.rows() - 1));
      }
      const std::vector<size_t> chunk(prompts.begin() + static_cast<int64_t>(begin),
                                      prompts.begin() + static_cast<int64_t>(end));
      advance(rows, chunk, ProductKind::kMatrix, rows_key(kPromptPass, rows));
      begin = end;
    }
    drop_finished();
  }

  void add_token() {
    CausalRows rows;
    for (const size_t i : running_) {
      const Sequence& sequence = sequences_[i];
      const int32_t last = sequence.generated.ids.back();
      rows.append_cached(&last, 1, sequence.position - 1, adapter_of(i), sequence.first_row);
    }
    advance(rows, running_, ProductKind::kFewRows, rows_key(kStepPass, rows));
    drop_finished();
  }

  /// One pass, and the token that each of these sequences gets from it.
  void advance(const CausalRows& rows, const std::vector<size_t>& members, ProductKind kind, uint64_t key) {
    job_.throw_if_cancelled();
    const int64_t vocabulary = runtime_.config().vocab_size;
    runtime_.run(
        key, &control_,
        [&](const PassContext& context) {
          return cached_steps(runtime_, rows, address_of(lora_), cache_, kind, context);
        },
        [&](const PassArray& result) {
          const float* logits = result.data();
          for (const size_t member : members) {
            append(member, logits);
            logits += vocabulary;
          }
        });
    report_progress();
  }

  void append(size_t index, const float* logits) {
    Sequence& sequence = sequences_[index];
    const int32_t id = choose_token(logits, runtime_.config().vocab_size, settings_.sampling, settings_.streams[index],
                                    sequence.position);
    const std::vector<int32_t>& ends = settings_.end_ids;
    sequence.generated.ended = std::find(ends.begin(), ends.end(), id) != ends.end();
    if (sequence.generated.ended) {
      sequence.room = 0;
      return;
    }
    sequence.generated.ids.push_back(id);
    ++sequence.position;
    --sequence.room;
  }

  void drop_finished() {
    std::erase_if(running_, [&](size_t index) { return sequences_[index].room == 0; });
  }

  void report_progress() {
    double done = 0;
    for (const Sequence& sequence : sequences_) {
      const double tokens = static_cast<double>(sequence.generated.ids.size());
      done += sequence.room == 0 ? 1 : tokens / (tokens + static_cast<double>(sequence.room));
    }
    job_.set_progress(done / static_cast<double>(sequences_.size()));
  }

  CausalRuntime& runtime_;
  const CausalBatch& batch_;
  const GenerationSettings& settings_;
  Job& job_;
  const std::shared_lock<std::shared_mutex> lock_;
  const DndControl control_;
  const std::optional<LoraOperands> lora_;
  std::vector<Sequence> sequences_;
  std::vector<size_t> running_;  ///< ascending
  KeyValueCache cache_;
};

}  // namespace

std::vector<GeneratedSequence> generate(CausalRuntime& runtime, const CausalBatch& batch,
                                        const GenerationSettings& settings, Job& job) {
  check_batch(runtime.config(), batch);
  check_settings(batch, settings);
  return Generation(runtime, batch, settings, job).run();
}

int64_t generation_bytes(const CausalRuntime& runtime, const CausalBatch& batch, int64_t max_new_tokens) {
  const CausalConfig& config = runtime.config();
  check_batch(config, batch);
  const std::optional<LoraOperands> lora = operands_of(batch.lora);
  const auto counted = [&](const CausalRows& rows, ProductKind kind) {
    return CausalRuntime::counted_bytes([&](const PassContext& context) {
      return cached_steps(runtime, rows, address_of(lora), KeyValueCache{}, kind, context);
    });
  };
  CausalRows step;
  int64_t cached = 0, largest = 0;
  for (size_t i = 0; i < batch.lengths.size(); ++i) {
    cached += cache_rows(config, batch.lengths[i], max_new_tokens);
    step.append_cached(nullptr, 1, 0, batch.lora ? batch.lora->adapter_of[i] : -1, 0);
  }
  for (size_t begin = 0; begin < batch.lengths.size();) {
    const size_t end = chunk_end(batch.lengths, begin, chunk_rows(config, false));
    CausalRows rows;
    for (size_t i = begin; i < end; ++i) {
      rows.append_cached(nullptr, batch.lengths[i], 0, batch.lora ? batch.lora->adapter_of[i] : -1, 0);
      rows.outputs.push_back(0);
    }
    largest = std::max(largest, counted(rows, ProductKind::kMatrix));
    begin = end;
  }
  largest = std::max(largest, counted(step, ProductKind::kFewRows));
  const int64_t longest = std::min(batch.longest() + max_new_tokens, config.max_positions);
  return 2 * config.layers * cached * config.key_value_width() * kFloat + largest + runtime.other_bytes(longest);
}

}  // namespace dnd
