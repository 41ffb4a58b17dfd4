#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/status.h"
#include "model/decoder_layers.h"
#include "model/device.h"
#include "model/parameter_store.h"

namespace dnd {

/// A decoder's sizes, its parameters in host memory, and the device that computes with them: what passes over it share,
/// in inference (decoder.h) and in training (training/trainer.h).
class DecoderModel {
 public:
  /// Errors: as of Decoder.
  DecoderModel(DecoderConfig config, const DeviceChoice& device);

  const DecoderConfig& config() const { return config_; }
  const Device& device() const { return device_; }
  const std::vector<DecoderLayer>& layers() const { return layers_; }
  const LengthProjection* projection() const { return projection_ ? &*projection_ : nullptr; }  ///< null: none
  ParameterStore& parameters() { return parameters_; }
  const ParameterStore& parameters() const { return parameters_; }

  /// Error(kInvalidArgument) for a batch that is not positive, or too large to count its elements.
  void check_batch(int64_t batch) const;

  /// Before an upload: drops resident parameters that were written since.
  void invalidate_stale();
  void upload_projection() const;
  /// All parameters but the convolutions' weights.
  void upload_values() const;

 private:
  DecoderConfig config_;
  Device device_;
  ParameterStore parameters_;
  uint64_t resident_generation_ = 0;  ///< of the resident parameters
  std::vector<DecoderLayer> layers_;
  std::optional<LengthProjection> projection_;
};

/// Workspace bytes of a convolution by `operation`, which is convolution_workspace or has its signature. Above the
/// convolution's limit where that is too little: bytes that would be sufficient.
template <typename Operation>
int64_t workspace_of(const Device& device, Operation operation, const DndConvolution& convolution) {
  int64_t bytes = 0, sufficient = 0;
  try {
    device.call(operation, &convolution, &bytes, &sufficient);
    return bytes;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kOutOfMemory) throw;
    return std::max(sufficient, convolution.workspace_limit + 1);
  }
}

}  // namespace dnd
