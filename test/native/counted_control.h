#pragma once

#include <atomic>
#include <cstdint>

#include "backend.h"

namespace dnd::test {

/// Counts what an operation reports, and cancels it after it has polled `cancel_after` times.
struct CountedControl {
  std::atomic<int64_t> asked{0};
  std::atomic<double> done{0};
  std::atomic<int64_t> cancel_after{INT64_MAX};
  DndControl control{this,
                     [](void* context) -> int32_t {
                       auto& self = *static_cast<CountedControl*>(context);
                       return ++self.asked > self.cancel_after;
                     },
                     [](void* context, double work) { static_cast<CountedControl*>(context)->done += work; }};
};

}  // namespace dnd::test
