#pragma once

namespace dnd::cuda::emulator {

/// Drops what asynchronous copies the thread has under way, when it ends.
void forget_copies(unsigned thread);

}  // namespace dnd::cuda::emulator
