#pragma once

#include <vector>

#include "model/device.h"
#include "model/language/batch.h"
#include "model/language/pass.h"

namespace dnd {

/// The adapters of a batch in device memory: where they are on a device that works in the host's, copies elsewhere.
class DeviceAdapters {
 public:
  DeviceAdapters(const Device& device, const std::optional<AdapterBatch>& lora) {
    if (!lora) return;
    operands_ = {.layout = lora->layout.get(), .scale = lora->scale, .adapters = {}, .gradients = {}};
    for (const float* adapter : lora->adapters) operands_.adapters.push_back(on_device(device, adapter));
  }

  /// Null: there are none.
  LoraOperands* operands() { return operands_.layout != nullptr ? &operands_ : nullptr; }

 private:
  const float* on_device(const Device& device, const float* adapter) {
    if (device.in_host_memory()) return adapter;
    const int64_t elements = operands_.layout->elements();
    copies_.emplace_back(device, elements);
    device.upload(copies_.back().data(), adapter, elements * static_cast<int64_t>(sizeof(float)));
    return copies_.back().data();
  }

  LoraOperands operands_;
  std::vector<DeviceArray> copies_;
};

/// What decides the allocations of a pass over these adapters, for counting its memory.
inline LoraOperands counted_operands(const AdapterBatch& lora) {
  return {.layout = lora.layout.get(), .scale = lora.scale, .adapters = {}, .gradients = {}};
}

}  // namespace dnd
