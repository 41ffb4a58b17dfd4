#pragma once

#include <cstddef>
#include <map>
#include <memory>

#include "backend.h"
#include "cuda/host/choice.h"
#include "cuda/host/layouts.h"
#include "cuda/host/memory.h"
#include "cuda/host/passes.h"
#include "cuda/host/queue.h"
#include "cuda/host/resident.h"
#include "plan/cuda_rates.h"

namespace dnd::cuda {

/// One opened state of a device: a stream of its own, memory under a limit of its own, the parameters that it holds and
/// the passes that it has recorded. One call at a time; several states of one device know nothing of each other.
class Device {
 public:
  /// Error(kUnavailable) where there is no such device or it cannot be used, Error(kInvalidArgument) for options that
  /// make no sense.
  static std::unique_ptr<Device> open(const DndDeviceOptions& options);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  /// Makes it the calling thread's.
  void enter() const { runtime::set_device(ordinal); }

  /// Memory of the pass under way, or else of its own.
  void* allocate(size_t bytes);
  void release(void* address) noexcept;

  /// The host's memory can be used again when it returns.
  void upload(void* destination, const void* host, size_t bytes);
  void download(void* host, const void* source, size_t bytes);

  const int ordinal;
  const DndPrecision precision;
  const CudaRates& rates;  ///< of the model that plans are made for

  DeviceMemory memory;
  Queue queue;
  Passes passes;
  ConvolutionChoices choices;
  ResidentParameters resident;
  Layouts layouts;

 private:
  Device(const DndDeviceOptions& options, const CudaRates& rates);

  std::map<void*, DeviceMemory::Block> allocated_;  ///< outside passes
};

}  // namespace dnd::cuda
