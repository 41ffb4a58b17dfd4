#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "model/decoder.h"
#include "model/device_pass.h"

namespace dnd {

/// One forward pass: the equations of docs/mathematics.md over device memory that lives as long as it is needed. Its
/// input and its results are allocated first.
class Decoder::Pass {
 public:
  /// `limit`: of each convolution's workspace; key, bytes: as of DndPass. Error(kOutOfMemory) where the device has not
  /// that much.
  Pass(const Decoder& decoder, int64_t batch, int64_t limit, uint64_t key, int64_t bytes, const DndControl* control)
      : decoder_(decoder),
        device_(decoder.device_),
        batch_(batch),
        limit_(limit),
        control_(control),
        pass_(device_, key, bytes) {}

  DeviceArray allocate(int64_t elements) const { return DeviceArray(device_, elements); }

  DeviceArray upload(const float* host, int64_t elements) const {
    DeviceArray array(device_, elements);
    device_.call(device_->upload, array.memory(), static_cast<const void*>(host), elements * sizeof(float));
    return array;
  }

  /// [B, N, L, W] is read as [B, N, W, L], not transposed: that is how the reference was trained. Into `result`, or
  /// into an array of its own where that is null.
  DeviceArray project_length(DeviceArray condition, float* result = nullptr) const;

  /// The layers, one after the other; the last one's result goes to `tokens`.
  void decode(DeviceArray x, float* tokens);

  /// tokens of the last feature → [batch, layout.elements]
  void restore(const float* tokens, const DndAdapterLayout& layout, float* adapters) const {
    pass_.call(device_->restore, control_, tokens, batch_, &layout, adapters);
  }

  void run() { pass_.run(control_); }

  /// After `run`.
  void download(const float* from, int64_t elements, float* host) const {
    device_.call(device_->download, static_cast<void*>(host), static_cast<const void*>(from), elements * sizeof(float));
  }

 private:
  DeviceArray apply(const Layer& layer, DeviceArray x, float* result) const;
  DeviceArray moments(const Layer& layer, const DeviceArray& x) const;
  DeviceArray linear(const DeviceArray& x, int64_t rows, int64_t in, const float* weight, const float* bias,
                     float* result) const;
  DeviceArray convolve(const DndConvolution& step, DndConvolutionOperands operands, const float* weight,
                       float* result = nullptr) const;

  const Decoder& decoder_;
  const Device& device_;
  const int64_t batch_, limit_;
  const DndControl* control_;
  DevicePass pass_;
  DeviceArray workspace_;
};

}  // namespace dnd
