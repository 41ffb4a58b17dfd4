#pragma once

#include <exception>
#include <new>
#include <string>

#include "backend.h"
#include "core/status.h"

namespace dnd {

/// The sentence of the calling thread's last failure behind a table of operations.
inline thread_local std::string last_failure;

constexpr DndStatus status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return kDndInvalidArgument;
    case ErrorCode::kOutOfMemory: return kDndOutOfMemory;
    case ErrorCode::kAborted: return kDndAborted;
    case ErrorCode::kInternal: return kDndInternal;
    case ErrorCode::kUnavailable: return kDndUnavailable;
    case ErrorCode::kCorruptFile: return kDndInternal;  // of files, which no device reads
  }
  return kDndInternal;
}

/// Runs an entry of a table: what it throws becomes a status, and its sentence last_failure.
template <typename Work>
DndStatus guarded(Work work) noexcept {
  try {
    try {
      work();
      return kDndOk;
    } catch (const Error& error) {
      last_failure = error.what();
      return status_of(error.code());
    } catch (const std::bad_alloc&) {
      last_failure = "memory for bookkeeping could not be allocated";
      return kDndOutOfMemory;
    } catch (const std::exception& error) {
      last_failure = error.what();
      return kDndInternal;
    }
  } catch (...) {  // not even the message could be allocated
    last_failure.clear();
    return kDndOutOfMemory;
  }
}

}  // namespace dnd
