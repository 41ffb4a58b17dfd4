#include "failure.h"

#include <new>
#include <system_error>

#include "core/status.h"

namespace dnd::bindings {
namespace {

const char* code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "INVALID_ARGUMENT";
    case ErrorCode::kOutOfMemory: return "OUT_OF_MEMORY";
    case ErrorCode::kAborted: return "ABORTED";
    case ErrorCode::kInternal: return "INTERNAL";
    case ErrorCode::kUnavailable: return "DEVICE_UNAVAILABLE";
    case ErrorCode::kCorruptFile: return "CORRUPT_FILE";
  }
  return "INTERNAL";
}

}  // namespace

std::string describe_failure(std::exception_ptr failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return std::string(code_name(error.code())) + ": " + error.what();
  } catch (const std::bad_alloc&) {
    return "OUT_OF_MEMORY: memory could not be allocated";
  } catch (const std::system_error& error) {
    // Thrown by std::thread at the limit of processes or of memory.
    if (error.code() != std::errc::resource_unavailable_try_again) return std::string("INTERNAL: ") + error.what();
    return "OUT_OF_MEMORY: the system gave no thread for the work: raise its limit of processes (ulimit -u, or the "
           "pids limit of a container), or let fewer things run at once";
  } catch (const std::exception& error) {
    return std::string("INTERNAL: ") + error.what();
  } catch (...) {
    return "INTERNAL: an exception of an unknown type";
  }
}

}  // namespace dnd::bindings
