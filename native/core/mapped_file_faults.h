#pragma once

#include <cstdint>

// Faults of mapped files: what `MappedFile` needs of the signal SIGBUS.

namespace dnd {

/// Watches [data, data + bytes): a fault in it replaces its pages, from there on, by zeros, and the thread goes on.
/// Returns a slot, or −1 if all are in use or the system allows no handler.
int watch_faults(void* data, int64_t bytes);

/// The range of a slot must not be read any more.
void unwatch_faults(int slot);

/// Whether pages have been replaced.
bool has_faulted(int slot);

}  // namespace dnd
