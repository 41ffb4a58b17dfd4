#pragma once

#include <cstddef>
#include <vector>

#include "cuda/runtime/runtime.h"

namespace dnd::cuda::test {

class TestStream {
 public:
  TestStream() : stream_(runtime::create_stream()) {}
  ~TestStream() { runtime::destroy(stream_); }
  TestStream(const TestStream&) = delete;
  TestStream& operator=(const TestStream&) = delete;
  operator runtime::Stream() const { return stream_; }

 private:
  runtime::Stream stream_;
};

/// Values in device memory, uninitialised if only their number is given.
template <typename T>
class DeviceValues {
 public:
  explicit DeviceValues(size_t count) : data_(static_cast<T*>(runtime::allocate(count * sizeof(T)))), count_(count) {}
  DeviceValues(runtime::Stream stream, const std::vector<T>& values) : DeviceValues(values.size()) {
    runtime::copy_to_device(stream, data_, values.data(), count_ * sizeof(T));
    runtime::synchronise(stream);
  }
  ~DeviceValues() { runtime::release(data_); }
  DeviceValues(const DeviceValues&) = delete;
  DeviceValues& operator=(const DeviceValues&) = delete;

  T* data() const { return data_; }

  /// After everything that is queued on the stream.
  std::vector<T> read(runtime::Stream stream) const {
    std::vector<T> values(count_);
    runtime::copy_to_host(stream, values.data(), data_, count_ * sizeof(T));
    runtime::synchronise(stream);
    return values;
  }

 private:
  T* data_;
  size_t count_;
};

}  // namespace dnd::cuda::test
