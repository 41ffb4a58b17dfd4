#pragma once

/// What tests of kernels share: streams and device memory that clean up after themselves, values, comparisons.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "cuda/device/half.h"
#include "cuda/runtime/runtime.h"
#include "test/cuda/emulator/control.h"
#include "test/native/random_values.h"
#include "toolkit/launch.h"

namespace dnd::test {

/// A stream for the length of a test.
class TestStream {
 public:
  TestStream() : stream_(cuda::runtime::create_stream()) {}
  ~TestStream() { cuda::runtime::destroy(stream_); }
  TestStream(const TestStream&) = delete;
  TestStream& operator=(const TestStream&) = delete;

  operator cuda::runtime::Stream() const { return stream_; }
  void synchronise() const { cuda::runtime::synchronise(stream_); }

 private:
  cuda::runtime::Stream stream_;
};

/// Device memory of `size` elements: poison (NaN) until something is written.
template <typename T>
class DeviceBuffer {
 public:
  explicit DeviceBuffer(size_t size)
      : size_(size), data_(size == 0 ? nullptr : static_cast<T*>(cuda::runtime::allocate(size * sizeof(T)))) {}
  explicit DeviceBuffer(const std::vector<T>& values) : DeviceBuffer(values.size()) { upload(values); }
  ~DeviceBuffer() { cuda::runtime::release(data_); }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  T* data() const { return data_; }
  size_t size() const { return size_; }

  void upload(const std::vector<T>& values) {
    ASSERT_EQ(values.size(), size_);
    const TestStream stream;
    cuda::runtime::copy_to_device(stream, data_, values.data(), size_ * sizeof(T));
    stream.synchronise();
  }

  /// What is there now: the streams whose results are meant must have been waited for.
  std::vector<T> download() const {
    std::vector<T> values(size_);
    const TestStream stream;
    cuda::runtime::copy_to_host(stream, values.data(), data_, size_ * sizeof(T));
    stream.synchronise();
    return values;
  }

 private:
  size_t size_;
  T* data_;
};

/// Launches a kernel on a stream of its own and waits for it. Throws dnd::Error with what the emulator found.
template <typename Arguments>
void run_kernel(const char* name, void (*kernel)(Arguments), cuda::Index3 grid, unsigned block, size_t shared_bytes,
                const Arguments& arguments) {
  const TestStream stream;
  cuda::launch(stream, name, kernel, grid, block, shared_bytes, arguments);
  stream.synchronise();
}

inline std::vector<cuda::Half> to_halves(const std::vector<float>& values) {
  std::vector<cuda::Half> halves(values.size());
  for (size_t i = 0; i < values.size(); ++i) halves[i] = cuda::to_half(values[i]);
  return halves;
}

inline std::vector<float> to_floats(const std::vector<cuda::Half>& halves) {
  std::vector<float> values(halves.size());
  for (size_t i = 0; i < values.size(); ++i) values[i] = cuda::to_float(halves[i]);
  return values;
}

/// `compute` returns a vector; its bytes must be the same whatever order the threads run in. Returns them.
template <typename Compute>
auto same_for_every_order(Compute compute, uint64_t orders = 3) {
  dnd_emulator_set_seed(1);
  const auto first = compute();
  for (uint64_t seed = 2; seed <= orders; ++seed) {
    dnd_emulator_set_seed(seed);
    const auto other = compute();
    EXPECT_EQ(first.size(), other.size());
    const bool same = std::memcmp(first.data(), other.data(), first.size() * sizeof(first[0])) == 0;
    EXPECT_TRUE(same) << "seeds 1 and " << seed << " give different bytes";
  }
  return first;
}

}  // namespace dnd::test
