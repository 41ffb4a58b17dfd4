#pragma once

#include <napi.h>

#include "core/memory.h"

namespace dnd::bindings {

/// Moves the first `bytes` of native memory into an ArrayBuffer; a copy in runtimes without external buffers.
Napi::ArrayBuffer hand_over(Napi::Env env, Memory memory, size_t bytes);

}  // namespace dnd::bindings
