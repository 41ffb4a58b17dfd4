#include "backend.h"

#include <memory>
#include <string>

#include "cuda/host/convolution.h"
#include "cuda/host/device.h"
#include "cuda/host/devices.h"
#include "cuda/host/operations.h"
#include "guarded.h"

/// CUDA's table: each entry unpacks the device, runs the operation and turns exceptions into statuses.
namespace dnd::cuda {
namespace {

/// Work on an opened device, which is the thread's meanwhile.
template <typename Work>
DndStatus on_device(void* state, Work work) noexcept {
  return guarded([&] {
    Device& device = *static_cast<Device*>(state);
    device.enter();
    work(device);
  });
}

/// An operation: it may be part of a pass, which it spoils when it fails.
template <typename Work>
DndStatus operation(void* state, Work work) noexcept {
  return on_device(state, [&](Device& device) {
    device.passes.check_operation();
    try {
      work(device);
    } catch (...) {
      device.passes.spoil();
      throw;
    }
  });
}

DndStatus count(int32_t* devices) {
  return guarded([&] {
    *devices = 0;
    *devices = count_devices();
  });
}

DndStatus describe(int32_t ordinal, DndDeviceDescription* description) {
  return guarded([&] {
    *description = {};
    const runtime::Properties properties = properties_of(ordinal);
    *description = description_of(properties);
    check_usable(ordinal, properties);
  });
}

void* open(const DndDeviceOptions* options, DndStatus* status) {
  Device* device = nullptr;
  *status = guarded([&] { device = Device::open(*options).release(); });
  return device;
}

void close(void* device) { delete static_cast<Device*>(device); }

const char* last_error(void*) { return last_failure.c_str(); }

DndStatus memory(void* state, int64_t* used, int64_t* available) {
  return on_device(state, [&](Device& device) {
    *used = device.memory.used();
    *available = device.memory.available();
  });
}

DndStatus allocate(void* state, size_t bytes, void** memory) {
  return on_device(state, [&](Device& device) { *memory = device.allocate(bytes); });
}

void release(void* state, void* memory) {
  if (memory == nullptr) return;
  static_cast<Device*>(state)->release(memory);
}

DndStatus upload(void* state, void* destination, const void* host, size_t bytes) {
  return on_device(state, [&](Device& device) { device.upload(destination, host, bytes); });
}

DndStatus download(void* state, void* host, const void* source, size_t bytes) {
  return on_device(state, [&](Device& device) { device.download(host, source, bytes); });
}

DndStatus synchronise(void* state) {
  return on_device(state, [](Device& device) {
    device.passes.check_no_pass("wait for work");
    device.queue.synchronise();
  });
}

DndStatus upload_values(void* state, const float* values, int64_t elements) {
  return on_device(state, [&](Device& device) {
    device.passes.check_no_pass("upload parameters");
    if (device.resident.upload_values(values, elements)) device.passes.invalidate();
  });
}

const float* floats(DndWeight weight) {
  if (weight.type == kDndFloat32Weight) return static_cast<const float*>(weight.values);
  throw Error(ErrorCode::kInternal, "weights of a CUDA device are in float32");
}

DndStatus upload_linear(void* state, DndWeight weight, int64_t out, int64_t in) {
  return on_device(state, [&](Device& device) {
    device.passes.check_no_pass("upload parameters");
    if (device.resident.upload_linear(floats(weight), out, in)) device.passes.invalidate();
  });
}

DndStatus upload_convolution(void* state, const DndControl* control, const DndConvolution* convolution,
                             const void* weight, int64_t reserved_bytes) {
  return on_device(state, [&](Device& device) {
    device.passes.check_no_pass("upload parameters");
    // What passes have already is free for them.
    const int64_t keep = reserved_bytes - device.passes.arena_bytes();
    const auto* const taps = static_cast<const float*>(weight);
    if (device.resident.upload_convolution(Control(control), *convolution, taps, keep)) device.passes.invalidate();
  });
}

DndStatus invalidate(void* state) {
  return on_device(state, [](Device& device) {
    device.passes.check_no_pass("invalidate parameters");
    device.queue.synchronise();
    device.passes.invalidate_memory();  // what is uploaded next can reuse its memory
    device.resident.invalidate();
    device.layouts.invalidate();
  });
}

DndStatus begin_pass(void* state, const DndPass* pass, int32_t* recorded) {
  return on_device(state, [&](Device& device) { *recorded = device.passes.begin(*pass) ? 1 : 0; });
}

DndStatus end_pass(void* state, const DndControl* control, int32_t run) {
  return guarded([&] {
    Passes& passes = static_cast<Device*>(state)->passes;
    try {
      static_cast<Device*>(state)->enter();
    } catch (...) {
      passes.abandon();  // whatever happens, the pass is over
      throw;
    }
    passes.end(Control(control), run != 0);
  });
}

DndStatus layer_norm(void* state, const DndControl* control, const float* x, int64_t rows, int64_t columns,
                     const float* weight, const float* bias, float eps, float* y) {
  return operation(state, [&](Device& device) {
    cuda::layer_norm(device, Control(control), x, rows, columns, weight, bias, eps, y);
  });
}

DndStatus norm_statistics(void* state, const DndControl* control, const float* x, int64_t rows, int64_t columns,
                          float eps, float* mean_rstd) {
  return operation(state, [&](Device& device) {
    cuda::norm_statistics(device, Control(control), x, rows, columns, eps, mean_rstd);
  });
}

DndStatus convolution_workspace(void* state, const DndConvolution* convolution, int64_t* bytes, int64_t* sufficient) {
  return guarded([&] {  // pure: no call to the device
    *bytes = cuda::convolution_workspace(*static_cast<Device*>(state), *convolution, sufficient);
  });
}

DndStatus convolution(void* state, const DndControl* control, const DndConvolution* convolution,
                      const DndConvolutionOperands* operands) {
  return operation(state,
                   [&](Device& device) { cuda::convolution(device, Control(control), *convolution, *operands); });
}

DndStatus linear(void* state, const DndControl* control, const float* x, int64_t rows, int64_t in, DndWeight weight,
                 const float* bias, int64_t out, DndActivation activation, const float* residual, float* y) {
  return operation(state, [&](Device& device) {
    cuda::linear(device, Control(control), x, rows, in, floats(weight), bias, out, activation, residual, y);
  });
}

DndStatus embed(void* state, const DndControl* control, const int32_t* ids, const int32_t* positions, int64_t rows,
                DndWeight word, const float* position, const float* type, int64_t columns, float* y) {
  return operation(state, [&](Device& device) {
    cuda::embed(device, Control(control), ids, positions, rows, floats(word), position, type, columns, y);
  });
}

DndStatus attention(void* state, const DndControl* control, const float* qkv, const int32_t* mask,
                    const int64_t* offsets, int64_t sequences, int64_t longest, int64_t heads, int64_t head_width,
                    float* y) {
  return operation(state, [&](Device& device) {
    cuda::attention(device, Control(control), qkv, mask, offsets, sequences, longest, heads, head_width, y);
  });
}

DndStatus mean_pool(void* state, const DndControl* control, const float* x, const int32_t* mask, const int64_t* offsets,
                    int64_t sequences, int64_t columns, float* y) {
  return operation(state, [&](Device& device) {
    cuda::mean_pool(device, Control(control), x, mask, offsets, sequences, columns, y);
  });
}

DndStatus reconstruct(void* state, const DndControl* control, const float* tokens, int64_t batch,
                      const DndAdapterLayout* layout, float* adapters) {
  return operation(
      state, [&](Device& device) { cuda::reconstruct(device, Control(control), tokens, batch, *layout, adapters); });
}

constexpr DndBackend kBackend = {
    .version = kDndBackendVersion,
    .name = "cuda",
    .host_memory = 0,
    .count = count,
    .describe = describe,
    .open = open,
    .close = close,
    .last_error = last_error,
    .memory = memory,
    .allocate = allocate,
    .release = release,
    .upload = upload,
    .download = download,
    .synchronise = synchronise,
    .upload_values = upload_values,
    .upload_linear = upload_linear,
    .upload_convolution = upload_convolution,
    .invalidate = invalidate,
    .begin_pass = begin_pass,
    .end_pass = end_pass,
    .layer_norm = layer_norm,
    .norm_statistics = norm_statistics,
    .convolution_workspace = convolution_workspace,
    .convolution = convolution,
    .linear = linear,
    .embed = embed,
    .attention = attention,
    .mean_pool = mean_pool,
    .reconstruct = reconstruct,
    .training = nullptr,
    .language = nullptr,
    .encoder = nullptr,
};

}  // namespace
}  // namespace dnd::cuda

extern "C" __attribute__((visibility("default"))) const DndBackend* dnd_device_library() {
  return &dnd::cuda::kBackend;
}
