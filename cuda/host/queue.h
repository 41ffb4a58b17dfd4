#pragma once

#include <cstddef>
#include <vector>

#include "control.h"
#include "cuda/runtime/handles.h"

namespace dnd::cuda {

/// Kernels on their way to the device: straight to the stream, or recorded into graphs that run later and again.
///
/// Work is cut into pieces of about piece_seconds, and no more than two of them are ever queued: so much later at most
/// does the device stop after the caller has cancelled.
class Queue {
 public:
  static inline double piece_seconds = 0.02;  ///< predicted; tests make it shorter

  /// A graph, and the multiply-adds that it counts for.
  struct Piece {
    GraphHandle graph;
    double multiply_adds = 0;
  };
  using Pieces = std::vector<Piece>;

  Queue();

  runtime::Stream stream() const { return stream_.get(); }

  /// launches(stream) hands kernels over that are predicted to take so many seconds and count for so many
  /// multiply-adds. Error(kAborted) once the caller has cancelled, and the device is idle then.
  template <typename Launches>
  void launch(const Control& control, double seconds, double multiply_adds, const Launches& launches) {
    before(control);
    launches(stream());
    after(control, seconds, multiply_adds);
  }

  /// A copy that may not have happened yet when it returns; not while a pass is recorded.
  void send(void* destination, const void* host, size_t bytes);
  void receive(void* host, const void* source, size_t bytes);

  /// From here on what is launched is recorded, from the first launch on.
  void begin_recording();
  bool recording() const { return recording_; }
  /// Whether anything was launched since begin_recording.
  bool recorded_any() const { return capturing_ || !pieces_.empty(); }
  /// Ends the graph under way; the next launch begins another. Between the two the runtime can do anything.
  void cut();
  /// The same where nothing may be thrown: when it fails, finish_recording will.
  void interrupt() noexcept;
  /// What was recorded. When that fails nothing is left of it.
  Pieces finish_recording();
  void abandon_recording() noexcept;

  /// Runs the pieces one after the other and waits for the last. Error(kAborted) once the caller has cancelled, and the
  /// device is idle then.
  void run(const Pieces& pieces, const Control& control);

  /// Also when it fails nothing is under way any more, if that is at all possible.
  void synchronise();
  /// Waits for all that runs, whatever has failed; at once where nothing was launched since it was waited for last.
  void settle() noexcept;

 private:
  void before(const Control& control);
  void after(const Control& control, double seconds, double multiply_adds);
  /// Marks the end of a piece, and waits for the piece before it.
  void end_piece(const Control& control);
  void await(runtime::Event event, const Control& control);
  StreamHandle stream_;
  EventHandle ends_[2];  ///< of the last two pieces, in turn
  int turn_ = 0;
  bool pending_ = false;  ///< the piece before the present one has its end marked
  bool busy_ = false;     ///< something was launched since it was waited for
  double seconds_ = 0;    ///< predicted, of the present piece
  double multiply_adds_ = 0;

  bool recording_ = false, capturing_ = false, broken_ = false;
  Pieces pieces_;
};

/// Settles a queue at the end of its scope, ahead of the release of memory that its work may use.
class QueueSettled {
 public:
  explicit QueueSettled(Queue& queue) : queue_(queue) {}
  ~QueueSettled() { queue_.settle(); }
  QueueSettled(const QueueSettled&) = delete;
  QueueSettled& operator=(const QueueSettled&) = delete;

 private:
  Queue& queue_;
};

}  // namespace dnd::cuda
