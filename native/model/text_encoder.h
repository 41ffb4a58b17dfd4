#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/job.h"
#include "model/device.h"
#include "model/job_control.h"
#include "model/parameter_store.h"
#include "model/text_encoder_config.h"
#include "model/window_batch.h"

namespace dnd {

class HiddenStateWriter;

/// A text encoder: token ids → hidden states of the last layer. Padding keys are masked by the lowest finite score, as in
/// Hugging Face's models. The hidden states of a prompt are bit-identical for any batch and number of threads.
class TextEncoder {
 public:
  /// Allocates the parameters that are not mapped, uninitialised, in host memory. Error(kInvalidArgument) for sizes that
  /// are not positive or do not fit together, Error(kOutOfMemory), Error(kUnavailable) also for a device that lacks
  /// operations for it.
  TextEncoder(TextEncoderConfig config, const DeviceChoice& device, MappedParameters mapped = {});

  const TextEncoderConfig& config() const { return config_; }

  /// Named as in Hugging Face's BertModel, whatever the model: embeddings.word_embeddings.weight … What BERT does not
  /// have: `intermediate.gate` beside `intermediate.dense`, `relative_attention_bias.weight` of `encoder` or of a layer's
  /// `attention.self`, and `encoder.LayerNorm` after the last layer. A norm before attention or feed-forward has the name
  /// of BERT's norm after it.
  const std::vector<ParameterInfo>& parameters() const { return parameters_.infos(); }
  int64_t parameter_bytes() const { return parameters_.bytes(); }
  const ParameterStore& store() const { return parameters_; }
  void require_unchanged() const { store().require_unchanged(); }
  /// Address of the parameter; write before the next job starts. Error(kInvalidArgument) for an unknown name.
  float* parameter(const std::string& name) { return parameters_.writable(name); }
  const float* parameter(const std::string& name) const { return parameters_.find(name); }

  /// Upper bound on the memory of `encode` beside parameters, arguments and result; weights that the device keeps in
  /// bfloat16 count.
  int64_t workspace_bytes(const EncodeShape& shape) const;

  bool in_host_memory() const { return device_.in_host_memory(); }
  DeviceMemory device_memory() const { return device_.memory_beside(pass_bytes_); }

  /// Uploads the parameters ahead of the first job. Error(kOutOfMemory).
  void prepare(Job& job);

  /// ids, mask [prompts, length], mask nonzero for a real token; states [prompts, length, hidden_size], or
  /// [prompts, hidden_size] if pooled: the mean over a prompt's real tokens (zeros if it has none) or the hidden state
  /// of its first position.
  ///
  /// Error(kInvalidArgument) for a length that is not a multiple of the window, a window longer than max_positions or
  /// an id outside the vocabulary (naming its position); Error(kAborted) soon after the job is cancelled.
  void encode(const int32_t* ids, const int32_t* mask, const EncodeShape& shape, float* states, Job& job);

 private:
  struct Linear {
    StoredValues weight{};        ///< [out, in]; no data: none
    const float* bias = nullptr;  ///< [out], or null
  };
  struct Norm {
    const float *weight = nullptr, *bias = nullptr;  ///< [hidden_size]; bias null for an RMS norm
  };
  struct Layer {
    Linear query_key_value;  ///< the three stacked: [3 · inner_width, hidden_size]
    Linear attention_output;
    Norm attention_norm;  ///< weight null: none
    const float* relative_bias;  ///< [relative_buckets, heads], or null
    Linear intermediate, gate, output;
    Norm output_norm;
  };
  friend class TextEncoderPass;

  const float* add_table(const std::string& name, int64_t rows, int64_t columns);
  /// Of one linear layer or several stacked ones.
  StoredValues add_weight(const std::vector<std::string>& names, const std::vector<int64_t>& shape);
  Linear add_linear(const std::string& name, int64_t out, int64_t in, bool bias);
  Linear add_query_key_value(const std::string& name);
  Norm add_norm(const std::string& name);
  Layer add_layer(size_t index);
  void check(const int32_t* ids, const EncodeShape& shape) const;
  int64_t chunk_rows(const EncodeShape& shape) const;
  int64_t resident_bytes() const;
  double multiply_adds(const WindowBatch& batch) const;
  void upload_linear(const Linear& layer, int64_t out, int64_t in) const;
  void upload_norm(const Norm& norm) const;
  void upload_layer(const Layer& layer) const;
  void upload_parameters(Job& job);
  /// Tables that depend on the length of a window.
  void extend_rotary(int64_t positions);
  void set_relative_buckets(int64_t span);
  void encode_chunk(const WindowBatch& batch, const WindowBatch::Chunk& chunk, const EncodeShape& shape,
                    HiddenStateWriter& writer, const DndControl* control);

  TextEncoderConfig config_;
  Device device_;
  const bool keeps_bfloat16_;  ///< whether the device has weights in a form of its own
  ParameterStore parameters_;
  std::vector<float> zeros_;  ///< [hidden_size], for what a model has not and an operation requires
  StoredValues word_;
  const float *position_, *type_;
  Norm embedding_norm_, final_norm_;  ///< weight null: none
  const float* relative_bias_ = nullptr;  ///< of all layers, or null
  std::vector<Layer> layers_;
  std::map<double, std::vector<float>> rotary_;  ///< by their base [rotary_positions_, head width]
  int64_t rotary_positions_ = 0;
  std::vector<int32_t> relative_buckets_;  ///< [2 · span + 1]
  uint64_t resident_generation_ = 0;       ///< of the resident parameters
  int64_t pass_bytes_ = 0;                 ///< of the largest pass; the device keeps that memory for the next one
};

}  // namespace dnd
