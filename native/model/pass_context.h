#pragma once

#include "backend.h"
#include "core/status.h"
#include "model/device_pass.h"
#include "model/pass_memory.h"

namespace dnd {

/// Resources of a pass. Without a DevicePass nothing is computed, only memory counted.
struct PassContext {
  PassMemory& memory;
  const DevicePass* pass = nullptr;
  const DndControl* control = nullptr;

  /// Does nothing when only counting memory. Error(kAborted) also between operations.
  template <typename Operation, typename... Arguments>
  void call(Operation operation, Arguments... arguments) const {
    if (pass == nullptr) return;
    if (control->cancelled(control->context) != 0) throw Error(ErrorCode::kAborted, "the work was cancelled");
    pass->call(operation, control, arguments...);
  }
};

}  // namespace dnd
