#pragma once

#include <napi.h>

#include "core/memory.h"

namespace dnd::bindings {

/// An ArrayBuffer of the first `bytes` of native memory, which it owns from now on; a copy in runtimes that forbid that.
Napi::ArrayBuffer hand_over(Napi::Env env, Memory memory, size_t bytes);

}  // namespace dnd::bindings
