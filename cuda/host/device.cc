#include "cuda/host/device.h"

#include <string>
#include <utility>

#include "cuda/host/devices.h"

namespace dnd::cuda {
namespace {

void check_options(const DndDeviceOptions& options) {
  if (options.precision != kDndMixed && options.precision != kDndFloat32) {
    throw Error(ErrorCode::kInvalidArgument, "unknown precision " + std::to_string(options.precision));
  }
  if (options.memory_limit < 0) {
    throw Error(ErrorCode::kInvalidArgument, "the memory limit is " + std::to_string(options.memory_limit) +
                                                 " bytes; it must be positive, or 0 for none");
  }
}

}  // namespace

std::unique_ptr<Device> Device::open(const DndDeviceOptions& options) {
  check_options(options);
  const runtime::Properties properties = properties_of(options.ordinal);
  check_usable(options.ordinal, properties);
  const CudaRates& rates = cuda_rates_of_device(properties.name, properties.major, properties.minor);
  runtime::set_device(options.ordinal);
  return std::unique_ptr<Device>(new Device(options, rates));
}

Device::Device(const DndDeviceOptions& options, const CudaRates& rates)
    : ordinal(options.ordinal),
      precision(options.precision),
      rates(rates),
      memory(options.memory_limit),
      passes(memory, queue),
      choices(rates.name, options.precision),
      resident(memory, queue, choices),
      layouts(memory, queue) {}

Device::~Device() {
  queue.abandon_recording();
  queue.settle();
}

void* Device::allocate(size_t bytes) {
  if (passes.under_way()) return passes.allocate(bytes);
  DeviceMemory::Block block = memory.allocate(bytes, "an allocation");
  void* const address = block.data();
  allocated_.emplace(address, std::move(block));
  return address;
}

void Device::release(void* address) noexcept {
  if (address == nullptr || passes.release(address)) return;
  const auto found = allocated_.find(address);
  if (found == allocated_.end()) return;
  queue.interrupt();
  queue.settle();
  allocated_.erase(found);
}

void Device::upload(void* destination, const void* host, size_t bytes) {
  passes.check_before_launches("upload");
  if (bytes == 0) return;
  queue.send(destination, host, bytes);
  queue.synchronise();
}

void Device::download(void* host, const void* source, size_t bytes) {
  passes.check_no_pass("download");
  if (bytes == 0) return;
  queue.receive(host, source, bytes);
  queue.synchronise();
}

}  // namespace dnd::cuda
