#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/job.h"
#include "model/decoder_model.h"
#include "model/decoder_pass.h"
#include "model/job_control.h"
#include "model/residual.h"

namespace dnd {

/// The hyper-convolutional decoder of Drag-and-Drop LLMs (arXiv 2506.16406): condition → weight tokens. float32.
/// Results depend on the batch size and the memory limit, through the convolution plans; they are bit-identical for any
/// number of threads and any other tasks in the batch. One forward at a time.
class Decoder {
 public:
  /// Allocates the parameters that are not mapped, uninitialised, in host memory. Error(kInvalidArgument) for fewer than
  /// two features, sizes that are not positive, an even kernel; Error(kOutOfMemory), Error(kUnavailable).
  Decoder(DecoderConfig config, const DeviceChoice& device, MappedParameters mapped = {});

  /// For other kinds of passes over the same parameters.
  DecoderModel& model() { return model_; }
  const DecoderModel& model() const { return model_; }
  const DecoderConfig& config() const { return model_.config(); }

  /// Names as in the published implementation: decoder.module_list.0.linear1.norm.weight…, down_proj.weight…
  const std::vector<ParameterInfo>& parameters() const { return model_.parameters().infos(); }
  int64_t parameter_bytes() const { return model_.parameters().bytes(); }
  const ParameterStore& store() const { return model_.parameters(); }
  void require_unchanged() const { store().require_unchanged(); }
  /// Address of the parameter; write before the next job starts. Error(kInvalidArgument) for an unknown name.
  float* parameter(const std::string& name) { return model_.parameters().writable(name); }
  const float* parameter(const std::string& name) const { return model_.parameters().find(name); }

  /// Device memory of `forward`, copies of condition and tokens included, or of `adapters` for adapters of
  /// `adapter_elements` elements: at most `limit` if possible, otherwise a sufficient limit.
  int64_t workspace_bytes(int64_t batch, int64_t limit = kNoLimit, int64_t adapter_elements = 0) const;
  static constexpr int64_t kNoLimit = INT64_MAX;

  bool in_host_memory() const { return model_.device().in_host_memory(); }
  DeviceMemory device_memory() const { return model_.device().memory_beside(pass_bytes_); }

  /// PyTorch's default initialisation (initialise.h); the same numbers for a seed on every machine.
  void initialise(uint64_t seed, Job& job);
  /// Elements [begin, begin + count) of what `initialise` would give a parameter, which it leaves as it is; begin is a
  /// multiple of 4. Error(kInvalidArgument) for an unknown name.
  void initial_values(uint64_t seed, const std::string& name, int64_t begin, int64_t count, float* values, Job& job) const;

  /// Uploads the parameters ahead of the first job. Error(kOutOfMemory) if they do not fit beside a batch of one.
  void prepare(Job& job);

  /// condition [batch, N₀, projected_from or H₀, W₀] → tokens [batch, N, H, W] of the last feature.
  /// `limit`: as for workspace_bytes; Error(kOutOfMemory) if it is too low, or the device memory too small for the
  /// smallest workspace. Error(kAborted) soon after the job is cancelled, memory freed.
  void forward(const float* condition, int64_t batch, float* tokens, Job& job, int64_t limit = kNoLimit);

  /// As forward, then reconstructs adapters from the tokens: `batch` pointers to layout.elements floats each.
  /// With a `residual` tokens have no margins, and are downloaded: then the device's pass is that of `forward`.
  /// Error(kInvalidArgument) for a layout whose tokens are not those of the last feature.
  void adapters(const float* condition, int64_t batch, const DndAdapterLayout& layout, float* const* adapters, Job& job,
                int64_t limit = kNoLimit, const ResidualReference& residual = {});

  /// The length projection alone: condition [batch, N₀, projected_from, W₀] → projected [batch, N₀, H₀, W₀].
  /// Error(kInvalidArgument) for a decoder without one.
  void project(const float* condition, int64_t batch, float* projected, Job& job);

 private:
  /// Results of a pass: weight tokens, and adapters if there is a layout.
  struct Results {
    PassArray tokens, adapters;
  };

  std::vector<DndConvolution> convolutions(const DecoderLayer& layer, int64_t batch, int64_t limit) const {
    return convolutions_of(layer, config(), batch, limit, Activations::kDropped);
  }
  double projection_multiply_adds(int64_t batch) const;
  double multiply_adds(int64_t batch) const;

  /// The steps of a pass, executed or only counted. `limit`: on a convolution's workspace.
  Results steps(const PassContext& context, const float* condition, int64_t batch, const DndAdapterLayout* layout,
                int64_t limit) const;
  PassArray project_steps(const PassContext& context, const float* condition, int64_t batch) const;

  /// Peak bytes of the activations in the layers, without the convolutions' workspace.
  int64_t activation_bytes(int64_t batch, int64_t adapter_elements) const;
  /// What a limit on all device memory leaves for a convolution's workspace; convolution plans depend on it.
  int64_t convolution_limit(int64_t batch, int64_t limit, int64_t adapter_elements) const;
  /// The largest workspace of a convolution; if `limit` is too low, a larger one that suffices.
  int64_t convolution_workspace(int64_t batch, int64_t limit) const;
  /// Peak bytes of a whole pass. `limit`: on a convolution's workspace.
  int64_t pass_bytes(int64_t batch, int64_t limit, int64_t adapter_elements) const;

  uint64_t key_of(int64_t batch, int64_t limit, const DndAdapterLayout* layout) const;

  int64_t convolution_weight_bytes() const;
  /// `limit`: on a convolution's workspace. `reserved_bytes`: as in backend.h.
  void upload_parameters(int64_t batch, int64_t limit, int64_t reserved_bytes, Job& job);
  /// A limit below the workspaces that result from `limit`, if there is one.
  int64_t smaller_workspace(int64_t batch, int64_t limit) const;
  /// Within `max_bytes` of device memory, and with smaller workspaces if the device has less available.
  void run(const float* condition, int64_t batch, const DndAdapterLayout* layout, float* const* results, Job& job,
           int64_t max_bytes);
  void run_pass(const float* condition, int64_t batch, const DndAdapterLayout* layout, float* const* results,
                int64_t limit, const DndControl* control);

  int threads_;
  DecoderModel model_;
  int64_t pass_bytes_ = 0;  ///< of the largest pass; the device keeps that memory for the next one
};

}  // namespace dnd
