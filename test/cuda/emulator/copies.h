#pragma once

namespace dnd::cuda::emulator {

/// Drops what asynchronous copies the thread has under way, when it ends.
void reset_copies(unsigned thread);

}  // namespace dnd::cuda::emulator
