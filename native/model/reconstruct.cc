#include "model/reconstruct.h"

#include "model/device_pass.h"
#include "model/job_control.h"
#include "plan/adapter_layout.h"

namespace dnd {

void reconstruct_adapters(const DeviceChoice& choice, const float* tokens, int64_t batch,
                          const DndAdapterLayout& layout, float* const* adapters, Job& job,
                          const ResidualReference& residual) {
  check_adapter_layout(layout, !residual);
  const int64_t token_elements = layout.tokens * layout.height * layout.width;
  if (residual) {
    for (int64_t task = 0; task < batch; ++task) {
      restore_residual(layout, residual, tokens + task * token_elements, adapters[task]);
    }
    return job.set_progress(1);
  }
  const Device device(choice);
  const DndControl control = cancel_only(job);
  const int64_t token_bytes = batch * token_elements * int64_t{sizeof(float)};
  const int64_t adapter_bytes = layout.elements * int64_t{sizeof(float)};
  DevicePass pass(device, pass_key({batch}), token_bytes + batch * adapter_bytes);
  const DeviceArray input = DeviceArray::of_bytes(device, token_bytes);
  const DeviceArray result(device, batch * layout.elements);
  device.upload(input.memory(), tokens, token_bytes);
  pass.call(device->reconstruct, &control, input.data(), batch, &layout, result.data());
  pass.run(&control);
  for (int64_t task = 0; task < batch; ++task) {
    device.download(adapters[task], result.data() + task * layout.elements, adapter_bytes);
  }
  job.set_progress(1);
}

}  // namespace dnd
