#include "cuda/host/queue.h"

#include <chrono>
#include <thread>
#include <utility>

namespace dnd::cuda {
namespace {

/// Between two looks at an event: short beside a piece, long beside the look.
constexpr auto kLook = std::chrono::microseconds(20);

}  // namespace

Queue::Queue() {
  stream_.reset(runtime::create_stream());
  for (EventHandle& end : ends_) end.reset(runtime::create_event(false));
}

void Queue::before(const Control& control) {
  if (control.cancelled()) {
    settle();
    control.throw_if_cancelled();
  }
  if (recording_ && !capturing_) {
    runtime::begin_capture(stream_.get());
    capturing_ = true;
  }
  busy_ |= !recording_;
}

void Queue::after(const Control& control, double seconds, double multiply_adds) {
  seconds_ += seconds;
  multiply_adds_ += multiply_adds;
  if (recording_) {
    if (seconds_ >= piece_seconds) cut();
    return;
  }
  control.advance(std::exchange(multiply_adds_, 0));
  if (seconds_ >= piece_seconds) end_piece(control);
}

void Queue::send(void* destination, const void* host, size_t bytes) {
  busy_ = true;
  runtime::copy_to_device(stream_.get(), destination, host, bytes);
}

void Queue::receive(void* host, const void* source, size_t bytes) {
  busy_ = true;
  runtime::copy_to_host(stream_.get(), host, source, bytes);
}

void Queue::begin_recording() {
  seconds_ = multiply_adds_ = 0;
  pieces_.clear();
  broken_ = false;
  recording_ = true;
}

void Queue::cut() {
  if (!capturing_) return;
  pieces_.reserve(pieces_.size() + 1);  // so that a graph, once made, is owned
  GraphHandle graph(runtime::end_capture(stream_.get()));
  capturing_ = false;
  pieces_.push_back({std::move(graph), multiply_adds_});
  seconds_ = multiply_adds_ = 0;
}

void Queue::interrupt() noexcept {
  try {
    cut();
  } catch (...) {
    runtime::abandon_capture(stream_.get());
    capturing_ = false;
    broken_ = true;
  }
}

Queue::Pieces Queue::finish_recording() {
  try {
    cut();
    if (broken_) throw Error(ErrorCode::kInternal, "the recording of a pass was invalidated by a release of memory");
  } catch (...) {
    abandon_recording();
    throw;
  }
  recording_ = false;
  return std::exchange(pieces_, {});
}

void Queue::abandon_recording() noexcept {
  if (capturing_) runtime::abandon_capture(stream_.get());
  capturing_ = recording_ = false;
  seconds_ = multiply_adds_ = 0;
  pieces_.clear();
}

void Queue::run(const Pieces& pieces, const Control& control) {
  pending_ = false;
  for (size_t piece = 0; piece < pieces.size(); ++piece) {
    before(control);
    try {
      runtime::launch(pieces[piece].graph.get(), stream_.get());
    } catch (...) {
      settle();
      throw;
    }
    end_piece(control);
    if (piece > 0) control.advance(pieces[piece - 1].multiply_adds);
  }
  if (pieces.empty()) return synchronise();
  await(ends_[1 - turn_].get(), control);
  pending_ = false;
  control.advance(pieces.back().multiply_adds);
}

void Queue::synchronise() {
  try {
    runtime::synchronise(stream_.get());
  } catch (...) {
    settle();
    throw;
  }
  pending_ = busy_ = false;
  seconds_ = 0;
}

void Queue::end_piece(const Control& control) {
  try {
    runtime::record(ends_[turn_].get(), stream_.get());
  } catch (...) {
    settle();
    throw;
  }
  seconds_ = 0;
  turn_ = 1 - turn_;
  if (pending_) await(ends_[turn_].get(), control);
  pending_ = true;
}

void Queue::await(runtime::Event event, const Control& control) {
  try {
    while (!runtime::query(event)) {
      control.throw_if_cancelled();
      std::this_thread::sleep_for(kLook);
    }
  } catch (...) {
    settle();
    throw;
  }
}

void Queue::settle() noexcept {
  pending_ = false;
  seconds_ = 0;
  if (!busy_ || capturing_) return;
  busy_ = false;
  try {
    runtime::synchronise(stream_.get());
  } catch (...) {
    // The error that led here is more informative.
  }
}

}  // namespace dnd::cuda
