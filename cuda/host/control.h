#pragma once

#include "backend.h"
#include "core/status.h"

namespace dnd::cuda {

/// The caller's hand on running work; either function may be missing, and the table too.
class Control {
 public:
  explicit Control(const DndControl* table) : table_(table) {}

  bool cancelled() const {
    return table_ != nullptr && table_->cancelled != nullptr && table_->cancelled(table_->context) != 0;
  }
  /// Error(kAborted) once the caller has cancelled.
  void throw_if_cancelled() const {
    if (cancelled()) throw Error(ErrorCode::kAborted, "the work was cancelled");
  }
  void advance(double multiply_adds) const {
    if (table_ != nullptr && table_->advance != nullptr) table_->advance(table_->context, multiply_adds);
  }

 private:
  const DndControl* table_;
};

}  // namespace dnd::cuda
