#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/job.h"
#include "model/decoder_model.h"
#include "model/decoder_pass.h"
#include "model/job_control.h"

namespace dnd {

/// The hyper-convolutional decoder of Drag-and-Drop LLMs (arXiv 2506.16406): condition → weight tokens. float32. Its
/// bytes depend on the size of the batch and the memory limit, as the plan of a convolution does, but not on the number
/// of threads, nor on what the other tasks of the batch are. One forward at a time.
class Decoder {
 public:
  /// Allocates the parameters, uninitialised, in host memory. Error(kInvalidArgument) for fewer than two features,
  /// sizes that are not positive, an even kernel; Error(kOutOfMemory), Error(kUnavailable).
  Decoder(DecoderConfig config, const DeviceChoice& device);

  /// For passes of other kinds over the same parameters.
  DecoderModel& model() { return model_; }
  const DecoderModel& model() const { return model_; }
  const DecoderConfig& config() const { return model_.config(); }

  /// The reference's names: decoder.module_list.0.linear1.norm.weight…, down_proj.weight…
  const std::vector<ParameterInfo>& parameters() const { return model_.parameters().infos(); }
  int64_t parameter_bytes() const { return model_.parameters().bytes(); }
  /// Where the parameter lies, to be written before the next work begins. Error(kInvalidArgument) for an unknown name.
  float* parameter(const std::string& name) { return model_.parameters().writable(name); }
  const float* parameter(const std::string& name) const { return model_.parameters().find(name); }

  /// Device memory that `forward` works in, copies of the condition and of the tokens included, or that `adapters` does
  /// for adapters of `restored` elements: at most `limit` if that is possible, else a limit that would do.
  int64_t workspace_bytes(int64_t batch, int64_t limit = kNoLimit, int64_t restored = 0) const;
  static constexpr int64_t kNoLimit = INT64_MAX;

  bool in_host_memory() const { return model_.device().in_host_memory(); }
  DeviceMemory device_memory() const { return model_.device().memory_beside(pass_bytes_); }

  /// PyTorch's default initialisation (see initialise.h), the same numbers for a seed everywhere.
  void initialise(uint64_t seed, Job& job);

  /// Brings the parameters to the device, as the first work after they were written would. Error(kOutOfMemory) where
  /// there is no room for them and a batch of one.
  void prepare(Job& job);

  /// condition [batch, N₀, projected_from or H₀, W₀] → tokens [batch, N, H, W] of the last feature.
  /// `limit`: as of workspace_bytes; Error(kOutOfMemory) when it is too little, or when the device has not the memory
  /// for the least workspace. Error(kAborted) soon after the job was cancelled; its memory is free then.
  void forward(const float* condition, int64_t batch, float* tokens, Job& job, int64_t limit = kNoLimit);

  /// The same, and de-normalises the tokens: `adapters` are `batch` places for layout.elements each.
  /// Error(kInvalidArgument) for a layout that is not one of the last feature's tokens.
  void adapters(const float* condition, int64_t batch, const DndAdapterLayout& layout, float* const* adapters, Job& job,
                int64_t limit = kNoLimit);

  /// The length projection alone: condition [batch, N₀, projected_from, W₀] → projected [batch, N₀, H₀, W₀].
  /// Error(kInvalidArgument) for a decoder that has none.
  void project(const float* condition, int64_t batch, float* projected, Job& job);

 private:
  /// What a pass leaves: weight tokens, and adapters where there is a layout.
  struct Results {
    PassArray tokens, adapters;
  };

  std::vector<DndConvolution> convolutions(const DecoderLayer& layer, int64_t batch, int64_t limit) const {
    return convolutions_of(layer, config(), batch, limit, Activations::kDropped);
  }
  double projection_multiply_adds(int64_t batch) const;
  double multiply_adds(int64_t batch) const;

  /// The steps of a pass, which computes or only counts. `limit`: of a convolution's workspace.
  Results steps(const PassContext& context, const float* condition, int64_t batch, const DndAdapterLayout* layout,
                int64_t limit) const;
  PassArray project_steps(const PassContext& context, const float* condition, int64_t batch) const;

  /// Bytes of the arrays that are there at the same time while the layers work, but for a convolution's workspace.
  int64_t activation_bytes(int64_t batch, int64_t restored) const;
  /// What of a limit to all device memory is left for a convolution's own working memory: what its plan depends on.
  int64_t convolution_limit(int64_t batch, int64_t limit, int64_t restored) const;
  /// The largest workspace of a convolution; above `limit`, which is then too little, one that would do.
  int64_t convolution_workspace(int64_t batch, int64_t limit) const;
  /// Of all of a pass. `limit`: of a convolution's workspace.
  int64_t pass_bytes(int64_t batch, int64_t limit, int64_t restored) const;

  uint64_t key_of(int64_t batch, int64_t limit, const DndAdapterLayout* layout) const;

  int64_t convolution_weight_bytes() const;
  /// `limit`: of a convolution's workspace. `reserved_bytes`: as of backend.h.
  void upload_parameters(int64_t batch, int64_t limit, int64_t reserved_bytes, Job& job);
  /// A smaller limit than the workspaces that `limit` leads to, if there is one.
  int64_t smaller_workspace(int64_t batch, int64_t limit) const;
  /// With a workspace of at most `most` for each convolution, and of less where the device has not so much.
  void run(const float* condition, int64_t batch, const DndAdapterLayout* layout, float* const* results, Job& job,
           int64_t most);
  void run_pass(const float* condition, int64_t batch, const DndAdapterLayout* layout, float* const* results,
                int64_t limit, const DndControl* control);

  int threads_;
  DecoderModel model_;
  int64_t pass_bytes_ = 0;  ///< of the largest pass: the device keeps that memory for the next one
};

}  // namespace dnd
