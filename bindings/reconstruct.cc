#include "reconstruct.h"

#include <utility>
#include <vector>

#include "adapter_layout.h"
#include "arguments.h"
#include "background_job.h"
#include "device_arguments.h"
#include "environment.h"
#include "failure.h"
#include "model/reconstruct.h"

namespace dnd::bindings {

Napi::Value reconstruct_adapters(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const int64_t batch = Argument(info, 1, "restoreAdapters", "batch").integer(1);
    std::vector<Napi::Value> inputs;
    const AdapterLayout layout(Argument(info, 2, "restoreAdapters", "layout"), inputs);
    const DndAdapterLayout sizes = layout.view();
    const Slice tokens = Argument(info, 0, "restoreAdapters", "tokens")
                             .tensor("float32", {batch, sizes.tokens, sizes.height, sizes.width});
    inputs.push_back(tokens.buffer);
    const DeviceChoice choice = read_device(Argument(info, 3, "restoreAdapters", "options"));
    const Napi::Function done = Argument(info, 4, "restoreAdapters", "done").function();
    const auto* values = reinterpret_cast<const float*>(tokens.data);
    const int64_t bytes = tensor_bytes({sizes.elements});
    JobWork work = [choice, values, batch, layout, bytes](Job& job) -> JobResult {
      std::vector<FloatResult> adapters;
      std::vector<float*> outputs;
      for (int64_t task = 0; task < batch; ++task) outputs.push_back(adapters.emplace_back(bytes).data());
      dnd::reconstruct_adapters(choice, values, batch, layout.view(), outputs.data(), job, layout.residual());
      return adapters;
    };
    return Environment::of(info.Env())->submit(std::move(work), nullptr, done, inputs);
  });
}

}  // namespace dnd::bindings
