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

/// A decoder's configuration, parameters in host memory and device: shared by inference (decoder.h) and training
/// (training/trainer.h).
class DecoderModel {
 public:
  /// Errors: as Decoder.
  DecoderModel(DecoderConfig config, const DeviceChoice& device, MappedParameters mapped = {});

  const DecoderConfig& config() const { return config_; }
  const Device& device() const { return device_; }
  const std::vector<DecoderLayer>& layers() const { return layers_; }
  const LengthProjection* projection() const { return projection_ ? &*projection_ : nullptr; }  ///< null: none
  ParameterStore& parameters() { return parameters_; }
  const ParameterStore& parameters() const { return parameters_; }

  /// Error(kInvalidArgument) for a batch that is not positive, or whose element count overflows.
  void check_batch(int64_t batch) const;

  /// Call before an upload: invalidates resident parameters that were written since the last one.
  void invalidate_stale();
  void upload_projection() const;
  /// All parameters except the convolution weights.
  void upload_values() const;

 private:
  DecoderConfig config_;
  Device device_;
  ParameterStore parameters_;
  uint64_t resident_generation_ = 0;  ///< of the resident parameters
  std::vector<DecoderLayer> layers_;
  std::optional<LengthProjection> projection_;
};

/// Workspace bytes of a convolution by `operation`: convolution_workspace, or another of its signature. If the
/// convolution's limit is too low: the bytes that would suffice.
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
