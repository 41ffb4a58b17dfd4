#include "model/language/language_model.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <utility>

#include "core/status.h"
#include "model/initialise.h"
#include "model/job_control.h"
#include "model/language/chunks.h"
#include "model/language/labelled_rows.h"
#include "model/language/pass.h"

namespace dnd {
namespace {

constexpr int64_t kStatesPass = 20, kLogitsPass = 21, kLossPass = 22;
constexpr int64_t kFloat = sizeof(float);

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

/// Losses and predictions at the outputs of the rows, which are written when the pass has run.
PassArray loss_steps(const CausalRuntime& runtime, const CausalRows& rows, const LoraOperands* lora,
                     const PassContext& context, LayerProgress* progress, double* losses, int32_t* predictions) {
  CausalPass pass(runtime, rows, lora, ProductKind::kMatrix, context, progress);
  PassArray x = pass.layers(pass.embed(), runtime.config().layers);
  PassArray normalised = pass.final_norm(std::move(x), static_cast<int64_t>(rows.outputs.size()));
  pass.losses(normalised, losses, predictions);
  return normalised;
}

PassArray logit_steps(const CausalRuntime& runtime, const CausalRows& rows, const LoraOperands* lora,
                      const PassContext& context, LayerProgress* progress) {
  CausalPass pass(runtime, rows, lora, ProductKind::kMatrix, context, progress);
  PassArray x = pass.layers(pass.embed(), runtime.config().layers);
  x = pass.final_norm(std::move(x), rows.rows());
  return pass.head(x.data(), rows.rows());
}

PassArray state_steps(const CausalRuntime& runtime, const CausalRows& rows, const LoraOperands* lora, int64_t layer,
                      const PassContext& context, LayerProgress* progress) {
  CausalPass pass(runtime, rows, lora, ProductKind::kMatrix, context, progress);
  PassArray x = pass.layers(pass.embed(), layer);
  return layer == runtime.config().layers ? pass.final_norm(std::move(x), rows.rows()) : std::move(x);
}

/// A call over all chunks of a batch: what every kind of it needs.
class ChunkedCall {
 public:
  ChunkedCall(CausalRuntime& runtime, const CausalBatch& batch, int64_t rows, int64_t layers, Job& job)
      : runtime_(runtime), job_(job), lock_(runtime.model().access()) {
    for (size_t begin = 0; begin < batch.lengths.size(); begin = ends_.back()) {
      ends_.push_back(chunk_end(batch.lengths, begin, rows));
    }
    progress_.total = static_cast<double>(ends_.size()) * static_cast<double>(layers);
    runtime.prepare(batch.longest(), job);
    lora_ = operands_of(batch.lora);
  }
  ~ChunkedCall() { runtime_.free_block_beyond(0); }

  /// `chunk(begin, end)`: sequences, in their order.
  template <typename Chunk>
  void each(const Chunk& chunk) {
    size_t begin = 0;
    for (const size_t end : ends_) {
      job_.throw_if_cancelled();
      chunk(begin, end);
      begin = end;
    }
    job_.set_progress(1);
  }

  const LoraOperands* lora() const { return address_of(lora_); }
  LayerProgress* progress() { return &progress_; }

 private:
  CausalRuntime& runtime_;
  Job& job_;
  std::shared_lock<std::shared_mutex> lock_;
  std::vector<size_t> ends_;
  LayerProgress progress_{job_, 1};
  std::optional<LoraOperands> lora_;
};

}  // namespace

CausalLanguageModel::CausalLanguageModel(CausalConfig config, const DeviceChoice& device, MappedParameters mapped)
    : model_(std::make_shared<CausalModel>(std::move(config), std::move(mapped))), runtime_(model_, device) {}

void CausalLanguageModel::prepare(Job& job) {
  const std::shared_lock lock(model_->access());
  runtime_.prepare(1, job);
  job.set_progress(1);
}

void CausalLanguageModel::initialise(uint64_t seed, double standard_deviation, Job& job) {
  const std::unique_lock lock(model_->access());
  initialise_language_model(model_->parameters(), seed, standard_deviation, 0, job);
}

int64_t CausalLanguageModel::workspace_bytes(const CausalBatch& batch, const int32_t* labels) const {
  check_batch(config(), batch);
  const std::optional<LoraOperands> lora = operands_of(batch.lora);
  const int64_t rows_at_once = chunk_rows(config(), labels == nullptr);
  int64_t largest = 0;
  for (size_t begin = 0; begin < batch.lengths.size();) {
    const size_t end = chunk_end(batch.lengths, begin, rows_at_once);
    const CausalRows rows = labels == nullptr ? rows_of(batch, begin, end) : labelled_rows(batch, begin, end, labels);
    const auto steps = [&](const PassContext& context) {
      return labels == nullptr ? logit_steps(runtime_, rows, address_of(lora), context, nullptr)
                               : loss_steps(runtime_, rows, address_of(lora), context, nullptr, nullptr, nullptr);
    };
    largest = std::max(largest, CausalRuntime::counted_bytes(steps));
    begin = end;
  }
  return largest + runtime_.other_bytes(batch.longest());
}

void CausalLanguageModel::hidden_states(const CausalBatch& batch, int64_t layer, float* states, Job& job) {
  check_batch(config(), batch);
  if (layer < 1 || layer > config().layers) {
    refuse("there is no layer " + std::to_string(layer) + "; the language model has layers 1 to " +
           std::to_string(config().layers));
  }
  const DndControl control = cancel_only(job);
  ChunkedCall call(runtime_, batch, chunk_rows(config(), false), layer, job);
  call.each([&](size_t begin, size_t end) {
    const CausalRows rows = rows_of(batch, begin, end);
    const int64_t bytes = rows.rows() * config().hidden_size * kFloat;
    runtime_.run(
        pass_key({static_cast<int64_t>(rows_key(kStatesPass, rows)), layer}), &control,
        [&](const PassContext& context) {
          return state_steps(runtime_, rows, call.lora(), layer, context, call.progress());
        },
        [&](const PassArray& x) { runtime_.device().download(states, x.data(), bytes); });
    states += rows.rows() * config().hidden_size;
  });
}

void CausalLanguageModel::logits(const CausalBatch& batch, float* logits, Job& job) {
  check_batch(config(), batch);
  const DndControl control = cancel_only(job);
  ChunkedCall call(runtime_, batch, chunk_rows(config(), true), config().layers, job);
  call.each([&](size_t begin, size_t end) {
    const CausalRows rows = rows_of(batch, begin, end);
    const int64_t bytes = rows.rows() * config().vocab_size * kFloat;
    runtime_.run(
        rows_key(kLogitsPass, rows), &control,
        [&](const PassContext& context) { return logit_steps(runtime_, rows, call.lora(), context, call.progress()); },
        [&](const PassArray& y) { runtime_.device().download(logits, y.data(), bytes); });
    logits += rows.rows() * config().vocab_size;
  });
}

std::vector<SequenceLikelihood> CausalLanguageModel::log_likelihoods(const CausalBatch& batch,
                                                                     const int32_t* labels, Job& job) {
  check_batch(config(), batch);
  check_labels(config(), batch, labels);
  const DndControl control = cancel_only(job);
  std::vector<SequenceLikelihood> all(batch.lengths.size());
  ChunkedCall call(runtime_, batch, chunk_rows(config(), false), config().layers, job);
  call.each([&](size_t begin, size_t end) {
    const CausalRows rows = labelled_rows(batch, begin, end, labels);
    std::vector<double> losses(rows.outputs.size());
    std::vector<int32_t> predictions(rows.outputs.size());
    if (!losses.empty()) {
      runtime_.run(
          rows_key(kLossPass, rows), &control,
          [&](const PassContext& context) {
            return loss_steps(runtime_, rows, call.lora(), context, call.progress(), losses.data(),
                              predictions.data());
          },
          [](const PassArray&) {});
    }
    add_likelihoods(rows, losses, predictions, all);
  });
  return all;
}

std::vector<GeneratedSequence> CausalLanguageModel::generate(const CausalBatch& batch,
                                                             const GenerationSettings& settings, Job& job) {
  return dnd::generate(runtime_, batch, settings, job);
}

int64_t CausalLanguageModel::generation_bytes(const CausalBatch& batch, int64_t max_new_tokens) const {
  return dnd::generation_bytes(runtime_, batch, max_new_tokens);
}

}  // namespace dnd
