#pragma once

#include <napi.h>

namespace dnd::bindings {

/// `endAtSecondSignal` of src/engine/native.ts.
void end_at_second_signal(const Napi::CallbackInfo& info);

}  // namespace dnd::bindings
