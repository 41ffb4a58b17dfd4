#include "cuda/host/passes.h"

#include <algorithm>
#include <string>
#include <utility>

namespace dnd::cuda {
namespace {

[[noreturn]] void misuse(const std::string& sentence) { throw Error(ErrorCode::kInternal, sentence); }

}  // namespace

bool Passes::begin(const DndPass& pass) {
  check_no_pass("begin another");
  if (pass.bytes < 0) misuse("a pass cannot need " + std::to_string(pass.bytes) + " bytes");
  // Whoever was given memory of the pass before may have work of his own queued with it.
  queue_.synchronise();
  if (pass.bytes > arena_.bytes()) invalidate();
  arena_.reset(pass.bytes);
  const auto found = std::find_if(recorded_.begin(), recorded_.end(),
                                  [&](const Recorded& recorded) { return recorded.key == pass.key; });
  if (found != recorded_.end()) {
    recorded_.splice(recorded_.begin(), recorded_, found);
  } else {
    queue_.begin_recording();
  }
  state_ = found != recorded_.end() ? State::kRepeating : State::kRecording;
  key_ = pass.key;
  spoilt_ = false;
  return state_ == State::kRepeating;
}

void Passes::end(const Control& control, bool run) {
  if (!under_way()) misuse("no pass is active");
  if (!run || spoilt_) {
    abandon();
    if (run) misuse("an operation of the pass has failed: it cannot be run");
    return;
  }
  if (std::exchange(state_, State::kNone) == State::kRecording) {
    recorded_.push_front({key_, queue_.finish_recording()});
    if (recorded_.size() > kMostRecorded) recorded_.pop_back();
  }
  try {
    queue_.run(recorded_.front().pieces, control);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kAborted) recorded_.pop_front();
    throw;
  }
}

void Passes::abandon() noexcept {
  if (std::exchange(state_, State::kNone) == State::kRecording) queue_.abandon_recording();
}

void* Passes::allocate(size_t bytes) {
  if (void* address = arena_.take(bytes)) return address;
  queue_.cut();  // the runtime refuses to allocate while it records
  arena_.extend(bytes);
  return arena_.take(bytes);
}

void Passes::check_no_pass(const char* what) const {
  if (under_way()) misuse("a pass is active: end it before trying to " + std::string(what));
}

void Passes::check_before_launches(const char* what) const {
  if (state_ == State::kRecording && queue_.recorded_any()) {
    misuse("within a pass it is too late to " + std::string(what) + ": operations were launched");
  }
}

void Passes::check_operation() const {
  if (state_ == State::kRepeating) misuse("the device is replaying this pass: it accepts no operations");
}

}  // namespace dnd::cuda
