#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "backend_language.h"
#include "core/job.h"
#include "model/device.h"
#include "model/language/batch.h"
#include "model/language/model.h"
#include "model/pass_context.h"

namespace dnd {

/// What is computed through the weights: the gradients of their inputs too?
enum class PassKind { kForward, kBackward };

/// A model on a device, and what its passes share: the rotary table, and the memory that they work in.
class CausalRuntime {
 public:
  /// Error(kUnavailable) on a device that runs no language models, or works in another memory than the host's, where
  /// adapters and the key–value cache are.
  CausalRuntime(std::shared_ptr<const CausalModel> model, const DeviceChoice& device);

  const CausalModel& model() const { return *model_; }
  const std::shared_ptr<const CausalModel>& shared_model() const { return model_; }
  const CausalConfig& config() const { return model_->config(); }
  const Device& device() const { return device_; }
  const DndLanguageOperations& language() const { return *device_->language; }
  /// cos and sin by position, [positions, head_width], as DndLanguageOperations::rotate takes it.
  const float* rotary() const { return rotary_.data(); }

  /// Uploads parameters that were written since the last call, for a backward pass too if wanted, and makes the rotary
  /// table long enough.
  void prepare(int64_t positions, Job& job, PassKind kind = PassKind::kForward);

  /// Bytes, beside those of `run`, for products, the rotary table and resident forms of weights.
  int64_t other_bytes(int64_t positions, PassKind kind = PassKind::kForward) const;

  /// Bytes of the block that these steps work in. `steps(context)` allocates and calls operations; a result is
  /// returned as it is and still alive when it is read.
  template <typename Steps>
  static int64_t counted_bytes(const Steps& steps) {
    PassMemory counted;
    steps(PassContext{counted});
    return counted.block_bytes();
  }

  /// Counts the memory of the steps, runs them, and calls `read` with their result.
  template <typename Steps, typename Read>
  void run(uint64_t key, const DndControl* control, const Steps& steps, const Read& read) {
    run_within(counted_bytes(steps), key, control, steps, read);
  }

  /// The same when the memory has been counted: `bytes` suffice.
  template <typename Steps, typename Read>
  void run_within(int64_t bytes, uint64_t key, const DndControl* control, const Steps& steps, const Read& read) {
    reserve_block(bytes);
    DevicePass pass(device_, key, bytes);
    PassMemory memory(block_.memory());
    const auto result = steps(PassContext{memory, &pass, control});
    pass.run(control);
    read(result);
  }

  /// Frees the memory that passes have worked in, which is kept for the next one, if it is more than `bytes`.
  void free_block_beyond(int64_t bytes);

  DeviceMemory device_memory() const { return device_.memory_beside(0); }

 private:
  void reserve_block(int64_t bytes);
  void upload_parameters(Job& job);
  void upload_weight_gradients(Job& job);
  int64_t resident_bytes(PassKind kind) const;
  void extend_rotary(int64_t positions);

  const std::shared_ptr<const CausalModel> model_;
  Device device_;
  const bool keeps_bfloat16_;  ///< whether the device has weights in a form of its own
  std::vector<float> rotary_;
  uint64_t resident_generation_ = 0;
  bool gradients_resident_ = false;
  DeviceArray block_;
  int64_t block_bytes_ = 0;
};

/// Key of a pass over these rows: all that its operations depend on beside the model.
uint64_t rows_key(int64_t kind, const CausalRows& rows);

}  // namespace dnd
