#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/job.h"
#include "model/device.h"
#include "model/job_control.h"
#include "model/parameter_store.h"
#include "model/window_batch.h"

namespace dnd {

class HiddenStateWriter;

enum class Activation { kNone, kGelu, kGeluTanh, kRelu };

struct TextEncoderConfig {
  int64_t vocab_size, hidden_size, layers, heads, intermediate_size, max_positions, type_vocab_size;
  float layer_norm_eps;
  Activation activation;
};

/// A BERT text encoder: token ids → hidden states of the last layer. Padding keys are masked by the lowest finite
/// score, as in Hugging Face's BertModel. The hidden states of a prompt are bit-identical for any batch and number of
/// threads.
class TextEncoder {
 public:
  /// Allocates the parameters, uninitialised, in host memory. Error(kInvalidArgument) for sizes that are not positive
  /// or heads that do not divide the hidden size, Error(kOutOfMemory), Error(kUnavailable).
  TextEncoder(TextEncoderConfig config, const DeviceChoice& device);

  const TextEncoderConfig& config() const { return config_; }

  /// Names as in Hugging Face, without `bert.`: embeddings.word_embeddings.weight …
  const std::vector<ParameterInfo>& parameters() const { return parameters_.infos(); }
  int64_t parameter_bytes() const { return parameters_.bytes(); }
  /// Address of the parameter; write before the next job starts. Error(kInvalidArgument) for an unknown name.
  float* parameter(const std::string& name) { return parameters_.writable(name); }
  const float* parameter(const std::string& name) const { return parameters_.find(name); }

  /// Upper bound on the memory of `encode` beside parameters, arguments and result.
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
    const float *weight, *bias;  ///< [out, in], [out]
  };
  struct Norm {
    const float *weight, *bias;  ///< [hidden_size]
  };
  struct Layer {
    Linear query_key_value;  ///< the three stacked: [3 · hidden_size, hidden_size]
    Linear attention_output;
    Norm attention_norm;
    Linear intermediate, output;
    Norm output_norm;
  };
  class Pass;

  Linear add_linear(const std::string& name, int64_t out, int64_t in);
  Norm add_norm(const std::string& name);
  Layer add_layer(const std::string& name);
  void check(const int32_t* ids, const EncodeShape& shape) const;
  int64_t chunk_rows(const EncodeShape& shape) const;
  double multiply_adds(const WindowBatch& batch) const;
  /// Upper bound on the device memory of a chunk.
  int64_t pass_bytes(int64_t rows, int64_t windows, Pooling pooling) const;
  void upload_parameters(Job& job);
  void encode_chunk(const WindowBatch& batch, const WindowBatch::Chunk& chunk, HiddenStateWriter& writer,
                    const DndControl* control);

  TextEncoderConfig config_;
  Device device_;
  ParameterStore parameters_;
  const float *word_, *position_, *type_;
  Norm embedding_norm_;
  std::vector<Layer> layers_;
  uint64_t resident_generation_ = 0;  ///< of the resident parameters
  int64_t pass_bytes_ = 0;            ///< of the largest pass; the device keeps that memory for the next one
};

}  // namespace dnd
