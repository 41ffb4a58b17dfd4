#include "backend.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "core/memory.h"
#include "core/status.h"
#include "core/thread_pool.h"
#include "cpu/control.h"
#include "cpu/convolution/choice.h"
#include "cpu/isa/kernels.h"
#include "cpu/operations.h"

/// The CPU's table: each entry unpacks the device, runs the operation and turns exceptions into statuses.
namespace dnd {
namespace {

struct CpuDevice {
  explicit CpuDevice(int threads) : pool(threads), choices(pool.threads()) {}

  ThreadPool pool;
  cpu::ConvolutionChoices choices;
};

thread_local std::string last_failure;

DndStatus status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return kDndInvalidArgument;
    case ErrorCode::kOutOfMemory: return kDndOutOfMemory;
    case ErrorCode::kAborted: return kDndAborted;
    case ErrorCode::kInternal: return kDndInternal;
  }
  return kDndInternal;
}

template <typename Work>
DndStatus guarded(Work work) noexcept {
  try {
    work();
    return kDndOk;
  } catch (const Error& error) {
    last_failure = error.what();
    return status_of(error.code());
  } catch (const std::bad_alloc&) {
    last_failure = "the system refused memory for bookkeeping";
    return kDndOutOfMemory;
  } catch (const std::exception& error) {
    last_failure = error.what();
    return kDndInternal;
  }
}

ThreadPool& pool_of(void* device) { return static_cast<CpuDevice*>(device)->pool; }

void* open(int32_t threads, DndStatus* status) {
  CpuDevice* device = nullptr;
  *status = guarded([&] {
    cpu::kernels();  // an unusable DND_CPU_ISA fails here, not in the middle of work
    device = new CpuDevice(threads);
  });
  return device;
}

void close(void* device) { delete static_cast<CpuDevice*>(device); }

const char* last_error(void*) { return last_failure.c_str(); }

/// Blocks are found again by their address: a header of one cache line in front of each holds the owner.
constexpr size_t kHeaderBytes = 64;

DndStatus allocate(void*, size_t bytes, void** memory) {
  return guarded([&] {
    Memory block(bytes > SIZE_MAX - kHeaderBytes ? SIZE_MAX : bytes + kHeaderBytes);
    char* start = static_cast<char*>(block.data());
    new (start) Memory(std::move(block));
    *memory = start + kHeaderBytes;
  });
}

void release(void*, void* memory) {
  if (memory == nullptr) return;
  Memory* header = reinterpret_cast<Memory*>(static_cast<char*>(memory) - kHeaderBytes);
  const Memory block = std::move(*header);
}

DndStatus copy(void*, void* destination, const void* source, size_t bytes) {
  if (bytes > 0) std::memcpy(destination, source, bytes);
  return kDndOk;
}

DndStatus synchronise(void*) { return kDndOk; }

DndStatus layer_norm(void* device, const DndControl* control, const float* x, int64_t rows, int64_t columns,
                     const float* weight, const float* bias, float eps, float* y) {
  return guarded([&] {
    cpu::layer_norm(pool_of(device), cpu::Control(control), x, rows, columns, weight, bias, eps, y);
  });
}

DndStatus moments(void* device, const DndControl* control, const float* x, int64_t rows, int64_t columns, float eps,
                  float* moments) {
  return guarded([&] { cpu::moments(pool_of(device), cpu::Control(control), x, rows, columns, eps, moments); });
}

DndStatus convolution_workspace(void* device, const DndConvolution* convolution, int64_t* bytes, int64_t* sufficient) {
  return guarded([&] {
    *bytes = cpu::convolution_workspace(static_cast<CpuDevice*>(device)->choices, *convolution, sufficient);
  });
}

DndStatus convolution(void* device, const DndControl* control, const DndConvolution* convolution,
                      const DndConvolutionOperands* operands) {
  return guarded([&] {
    CpuDevice& cpu = *static_cast<CpuDevice*>(device);
    cpu::convolution(cpu.pool, cpu::Control(control), cpu.choices, *convolution, *operands);
  });
}

DndStatus linear(void* device, const DndControl* control, const float* x, int64_t rows, int64_t in,
                 const float* weight, const float* bias, int64_t out, DndActivation activation, const float* residual,
                 float* y) {
  return guarded([&] {
    cpu::linear(pool_of(device), cpu::Control(control), x, rows, in, weight, bias, out, activation, residual, y);
  });
}

DndStatus embed(void* device, const DndControl* control, const int32_t* ids, const int32_t* positions, int64_t rows,
                const float* word, const float* position, const float* type, int64_t columns, float* y) {
  return guarded([&] {
    cpu::embed(pool_of(device), cpu::Control(control), ids, positions, rows, word, position, type, columns, y);
  });
}

DndStatus attention(void* device, const DndControl* control, const float* qkv, const int32_t* mask,
                    const int64_t* offsets, int64_t sequences, int64_t longest, int64_t heads, int64_t head_width,
                    float* y) {
  return guarded([&] {
    cpu::attention(pool_of(device), cpu::Control(control), qkv, mask, offsets, sequences, longest, heads, head_width,
                   y);
  });
}

DndStatus mean_pool(void* device, const DndControl* control, const float* x, const int32_t* mask,
                    const int64_t* offsets, int64_t sequences, int64_t columns, float* y) {
  return guarded([&] {
    cpu::mean_pool(pool_of(device), cpu::Control(control), x, mask, offsets, sequences, columns, y);
  });
}

}  // namespace

constexpr DndBackend kCpuBackend = {
    .version = kDndBackendVersion,
    .name = "cpu",
    .open = open,
    .close = close,
    .last_error = last_error,
    .allocate = allocate,
    .release = release,
    .upload = copy,
    .download = copy,
    .synchronise = synchronise,
    .layer_norm = layer_norm,
    .moments = moments,
    .convolution_workspace = convolution_workspace,
    .convolution = convolution,
    .linear = linear,
    .embed = embed,
    .attention = attention,
    .mean_pool = mean_pool,
};

const DndBackend* cpu_backend() { return &kCpuBackend; }

}  // namespace dnd
