#pragma once

#include "backend.h"
#include "core/status.h"

namespace dnd {

/// A caller's DndControl: a device asks it for cancellation at every tile or kernel and reports multiply-adds done.
/// Either function may be missing, and the table too. Copyable; safe to use from every thread of a loop. A
/// default-constructed one never cancels.
class Control {
 public:
  Control() = default;
  explicit Control(const DndControl* control) : control_(control) {}

  bool cancelled() const {
    return control_ != nullptr && control_->cancelled != nullptr && control_->cancelled(control_->context) != 0;
  }
  /// Error(kAborted) once the caller has cancelled.
  void throw_if_cancelled() const {
    if (cancelled()) throw Error(ErrorCode::kAborted, "the work was cancelled");
  }
  void advance(double multiply_adds) const {
    if (control_ != nullptr && control_->advance != nullptr) control_->advance(control_->context, multiply_adds);
  }

 private:
  const DndControl* control_ = nullptr;
};

}  // namespace dnd
