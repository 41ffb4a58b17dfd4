#pragma once

#include <cstdint>

namespace dnd {

/// Bytes of this machine's memory, used or not; 0 where the system does not tell.
int64_t machine_memory_bytes();

}  // namespace dnd
