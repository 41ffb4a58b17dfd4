#include "cpu/encoder_backend.h"

#include "cpu/device.h"
#include "cpu/layers/layers.h"
#include "guarded.h"

/// Each entry unpacks the device, runs the operation and turns exceptions into statuses.
namespace dnd::cpu {
namespace {

ThreadPool& pool_of(void* device) { return static_cast<Device*>(device)->pool; }

DndStatus relative_attention_entry(void* device, const DndControl* control, const DndRelativeAttention* shape,
                                   const float* q, const float* k, const float* v, float* y) {
  return guarded([&] { relative_attention(pool_of(device), Control(control), *shape, q, k, v, y); });
}

DndStatus multiply_entry(void* device, const DndControl* control, const float* a, const float* b, int64_t elements,
                         float* y) {
  return guarded([&] { multiply(pool_of(device), Control(control), a, b, elements, y); });
}

DndStatus gathered_attention_entry(void* device, const DndControl* control, const DndGatheredAttention* shape,
                                   const float* q, const float* kv, float* y) {
  return guarded([&] { gathered_attention(pool_of(device), Control(control), *shape, q, kv, y); });
}

}  // namespace

const DndEncoderOperations kEncoder = {
    .relative_attention = relative_attention_entry,
    .multiply = multiply_entry,
    .gathered_attention = gathered_attention_entry,
};

}  // namespace dnd::cpu
