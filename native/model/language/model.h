#pragma once

#include <array>
#include <cstdint>
#include <shared_mutex>
#include <vector>

#include "model/language/config.h"
#include "model/parameter_store.h"

namespace dnd {

/// y = x · weightᵀ + bias
struct Projection {
  StoredValues weight{};        ///< [out, in]
  const float* bias = nullptr;  ///< [out], or null
  int64_t out = 0, in = 0;
};

struct CausalLayer {
  const float *input_norm, *post_attention_norm;  ///< [hidden_size]
  const float *query_norm, *key_norm;             ///< [head_width], or null
  std::array<Projection, kModules> projections;
  int64_t window;

  const Projection& operator[](Module module) const { return projections[static_cast<size_t>(module)]; }
};

/// The parameters of a causal language model in host memory, by Hugging Face's names; shared by those that run it and
/// those that train it, each on a device of its own.
class CausalModel {
 public:
  /// Parameters that are not mapped are uninitialised. Error(kInvalidArgument) as check_config, Error(kOutOfMemory).
  explicit CausalModel(CausalConfig config, MappedParameters mapped = {});

  const CausalConfig& config() const { return config_; }
  StoredValues embedding() const { return embedding_; }    ///< [vocab_size, hidden_size]
  const float* final_norm() const { return final_norm_; }  ///< [hidden_size]
  StoredValues head() const { return head_; }              ///< [vocab_size, hidden_size]; the embedding if tied
  const std::vector<CausalLayer>& layers() const { return layers_; }
  ParameterStore& parameters() { return parameters_; }
  const ParameterStore& parameters() const { return parameters_; }

  /// Held shared by passes, which read the parameters, and alone by an optimiser that changes them.
  std::shared_mutex& access() const { return access_; }

 private:
  CausalLayer add_layer(int64_t index);
  Projection add_projection(const std::string& path, Module module, bool bias);

  const CausalConfig config_;
  ParameterStore parameters_;
  StoredValues embedding_{}, head_{};
  const float* final_norm_;
  std::vector<CausalLayer> layers_;
  mutable std::shared_mutex access_;
};

}  // namespace dnd
