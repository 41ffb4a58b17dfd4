#include "backend.h"

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "control.h"
#include "core/machine_memory.h"
#include "core/memory.h"
#include "core/status.h"
#include "cpu/encoder_backend.h"
#include "cpu/language_backend.h"
#include "cpu/training_backend.h"
#include "cpu/convolution/convolution.h"
#include "cpu/device.h"
#include "cpu/gemm/bfloat16_gemm.h"
#include "cpu/isa/bfloat16_kernels.h"
#include "cpu/isa/kernels.h"
#include "cpu/layers/layers.h"
#include "guarded.h"

/// The CPU's table: each entry unpacks the device, runs the operation and turns exceptions into statuses. Parameters
/// are read in place, but for weights in bfloat16, and operations compute immediately: no pass is recorded.
namespace dnd {
namespace {

using cpu::Device;

ThreadPool& pool_of(void* device) { return static_cast<Device*>(device)->pool; }

DndStatus count(int32_t* devices) {
  *devices = 1;
  return kDndOk;
}

void check_ordinal(int32_t ordinal) {
  if (ordinal == 0) return;
  throw Error(ErrorCode::kUnavailable, "there is no CPU device " + std::to_string(ordinal) + "; the only one is 0");
}

DndStatus describe(int32_t ordinal, DndDeviceDescription* description) {
  return guarded([&] {
    check_ordinal(ordinal);
    *description = {};
    std::snprintf(description->name, sizeof(description->name), "CPU (%s)", cpu::kernels().name);
    description->memory_bytes = machine_memory_bytes();
  });
}

void* open(const DndDeviceOptions* options, DndStatus* status) {
  Device* device = nullptr;
  *status = guarded([&] {
    check_ordinal(options->ordinal);
    cpu::kernels();  // an unusable DND_CPU_ISA fails here, not in the middle of work
    if (options->precision == kDndBfloat16) cpu::bfloat16_kernels();
    device = new Device(options->threads, options->precision);
  });
  return device;
}

void close(void* device) { delete static_cast<Device*>(device); }

const char* last_error(void*) { return last_failure.c_str(); }

/// What the system could still give is for the caller to find out: it depends on all of this process's memory.
DndStatus memory(void* device, int64_t* used, int64_t* available) {
  *used = static_cast<Device*>(device)->allocated_bytes;
  *available = INT64_MAX;
  return kDndOk;
}

/// Blocks are found again by their address: a header of one cache line in front of each holds the owner.
constexpr size_t kHeaderBytes = 64;

DndStatus allocate(void* device, size_t bytes, void** memory) {
  return guarded([&] {
    Memory block(bytes > SIZE_MAX - kHeaderBytes ? SIZE_MAX : bytes + kHeaderBytes);
    static_cast<Device*>(device)->allocated_bytes += static_cast<int64_t>(block.bytes());
    char* start = static_cast<char*>(block.data());
    new (start) Memory(std::move(block));
    *memory = start + kHeaderBytes;
  });
}

void release(void* device, void* memory) {
  if (memory == nullptr) return;
  Memory* header = reinterpret_cast<Memory*>(static_cast<char*>(memory) - kHeaderBytes);
  const Memory block = std::move(*header);
  static_cast<Device*>(device)->allocated_bytes -= static_cast<int64_t>(block.bytes());
}

DndStatus copy(void*, void* destination, const void* source, size_t bytes) {
  if (bytes > 0) std::memcpy(destination, source, bytes);
  return kDndOk;
}

DndStatus synchronise(void*) { return kDndOk; }

DndStatus upload_values(void*, const float*, int64_t) { return kDndOk; }
DndStatus upload_linear(void* device, DndWeight weight, int64_t out, int64_t in) {
  return guarded([&] {
    Device& own = *static_cast<Device*>(device);
    if (own.keeps_bfloat16) own.allocated_bytes += own.weights.add(own.pool, weight, out, in);
  });
}
DndStatus upload_convolution(void*, const DndControl*, const DndConvolution*, const void*, int64_t) { return kDndOk; }
DndStatus invalidate(void* device) {
  return guarded([&] {
    Device& own = *static_cast<Device*>(device);
    own.allocated_bytes -= own.weights.clear();
  });
}

DndStatus begin_pass(void*, const DndPass*, int32_t* recorded) {
  *recorded = 0;
  return kDndOk;
}

DndStatus end_pass(void*, const DndControl*, int32_t) { return kDndOk; }

DndStatus layer_norm(void* device, const DndControl* control, const float* x, int64_t rows, int64_t columns,
                     const float* weight, const float* bias, float eps, float* y) {
  return guarded([&] { cpu::layer_norm(pool_of(device), Control(control), x, rows, columns, weight, bias, eps, y); });
}

DndStatus norm_statistics(void* device, const DndControl* control, const float* x, int64_t rows, int64_t columns,
                          float eps, float* mean_rstd) {
  return guarded([&] { cpu::norm_statistics(pool_of(device), Control(control), x, rows, columns, eps, mean_rstd); });
}

DndStatus convolution_workspace(void* device, const DndConvolution* convolution, int64_t* bytes, int64_t* sufficient) {
  return guarded(
      [&] { *bytes = cpu::convolution_workspace(static_cast<Device*>(device)->choices, *convolution, sufficient); });
}

DndStatus convolution(void* device, const DndControl* control, const DndConvolution* convolution,
                      const DndConvolutionOperands* operands) {
  return guarded([&] {
    Device& own = *static_cast<Device*>(device);
    cpu::convolution(own.pool, Control(control), own.choices, *convolution, *operands);
  });
}

DndStatus linear(void* device, const DndControl* control, const float* x, int64_t rows, int64_t in, DndWeight weight,
                 const float* bias, int64_t out, DndActivation activation, const float* residual, float* y) {
  return guarded([&] {
    const Device& own = *static_cast<Device*>(device);
    if (const std::optional<cpu::Bfloat16Columns> resident = own.weights.find(weight, out, in)) {
      cpu::gemm(pool_of(device), Control(control), rows, x, in, *resident, y, out, {bias, activation, residual, out});
    } else {
      cpu::linear(pool_of(device), Control(control), x, rows, in, weight, bias, out, activation, residual, y);
    }
  });
}

DndStatus embed(void* device, const DndControl* control, const int32_t* ids, const int32_t* positions, int64_t rows,
                DndWeight word, const float* position, const float* type, int64_t columns, float* y) {
  return guarded(
      [&] { cpu::embed(pool_of(device), Control(control), ids, positions, rows, word, position, type, columns, y); });
}

DndStatus attention(void* device, const DndControl* control, const float* qkv, const int32_t* mask,
                    const int64_t* offsets, int64_t sequences, int64_t longest, int64_t heads, int64_t head_width,
                    float* y) {
  return guarded([&] {
    cpu::attention(pool_of(device), Control(control), qkv, mask, offsets, sequences, longest, heads, head_width, y);
  });
}

DndStatus mean_pool(void* device, const DndControl* control, const float* x, const int32_t* mask,
                    const int64_t* offsets, int64_t sequences, int64_t columns, float* y) {
  return guarded([&] { cpu::mean_pool(pool_of(device), Control(control), x, mask, offsets, sequences, columns, y); });
}

DndStatus reconstruct(void* device, const DndControl* control, const float* tokens, int64_t batch,
                      const DndAdapterLayout* layout, float* adapters) {
  return guarded([&] { cpu::reconstruct(pool_of(device), Control(control), tokens, batch, *layout, adapters); });
}

}  // namespace

constexpr DndBackend kCpuBackend = {
    .version = kDndBackendVersion,
    .name = "cpu",
    .host_memory = 1,
    .count = count,
    .describe = describe,
    .open = open,
    .close = close,
    .last_error = last_error,
    .memory = memory,
    .allocate = allocate,
    .release = release,
    .upload = copy,
    .download = copy,
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
    .training = &cpu::kTraining,
    .language = &cpu::kLanguage,
    .encoder = &cpu::kEncoder,
};

const DndBackend* cpu_backend() { return &kCpuBackend; }

}  // namespace dnd
