#pragma once

#include <cstddef>
#include <cstdint>

/// The table of operations that a device implements. Plain C types only: a device may live in a library that is opened
/// at run time and was built by another compiler, so nothing of the C++ runtime, exceptions included, crosses here.
/// `model/` writes the mathematics once against this table (through `model/device.h`); `cpu/` and `cuda/` implement it.
///
/// Every operation returns kOk or a failure whose sentence `last_error` tells. Tensors are dense row-major float32 in
/// device memory unless said otherwise; operations may be queued, `synchronise` waits for all of them.

extern "C" {

enum DndStatus : int32_t {
  kDndOk = 0,
  kDndInvalidArgument = 1,
  kDndOutOfMemory = 2,
  kDndAborted = 3,
  kDndInternal = 4,
};

/// Which axis of [tokens, height, width] plays the channels of a convolution; the other two are the picture.
enum DndAxis : int32_t { kDndWidth = 0, kDndHeight = 1, kDndToken = 2 };

enum DndActivation : int32_t { kDndNoActivation = 0, kDndGelu = 1, kDndGeluTanh = 2, kDndRelu = 3 };

/// Asked by the device between tiles (CPU) or kernels (CUDA): nonzero stops the operation with kDndAborted.
/// `advance` reports multiply-adds done, for progress. Both may be called from any thread.
struct DndControl {
  void* context;
  int32_t (*cancelled)(void* context);
  void (*advance)(void* context, double multiply_adds);
};

struct DndBackend {
  uint32_t version;  ///< kDndBackendVersion of the header that the implementation was built with
  const char* name;  ///< "cpu", "cuda"

  void* (*open)(int32_t threads, DndStatus* status);  ///< one device state; threads 0 = the default
  void (*close)(void* device);
  const char* (*last_error)(void* device);  ///< of the calling thread's last failure on this device; device may be null

  DndStatus (*allocate)(void* device, size_t bytes, void** memory);  ///< 64-byte aligned
  void (*release)(void* device, void* memory);
  DndStatus (*upload)(void* device, void* destination, const void* host, size_t bytes);
  DndStatus (*download)(void* device, void* host, const void* source, size_t bytes);
  DndStatus (*synchronise)(void* device);

  /// y = (x − mean) / √(var + eps) · weight + bias over the last `columns` of x [rows, columns].
  /// y may be x.
  DndStatus (*layer_norm)(void* device, const DndControl*, const float* x, int64_t rows, int64_t columns,
                          const float* weight, const float* bias, float eps, float* y);

  /// Hyper-convolution: x [batch, tokens, height, width], zero "same" padding, stride 1, weight
  /// [out_channels, in_channels, k, k], the axis named becomes out_channels long. No bias.
  /// `workspace` has at least the bytes that convolution_workspace tells.
  DndStatus (*convolution_workspace)(void* device, DndAxis axis, int64_t batch, int64_t tokens, int64_t height,
                                     int64_t width, int64_t out_channels, int32_t kernel_size, size_t* bytes);
  DndStatus (*convolution)(void* device, const DndControl*, DndAxis axis, const float* x, int64_t batch, int64_t tokens,
                           int64_t height, int64_t width, const float* weight, int64_t out_channels,
                           int32_t kernel_size, float* y, void* workspace);

  /// s = (a + tanh(p) + bias) / 3; a, p, s: [rows, columns], bias [columns]. s may be a.
  DndStatus (*merge_paths)(void* device, const DndControl*, const float* a, const float* p, const float* bias,
                           int64_t rows, int64_t columns, float* s);

  /// y[b, n, :] += bias[n] (+ x[b, n, :] where x is not null); y: [batch, tokens, columns].
  DndStatus (*add_bias_residual)(void* device, const DndControl*, float* y, const float* bias, const float* x,
                                 int64_t batch, int64_t tokens, int64_t columns);

  /// y = activation(x · weightᵀ + bias) (+ residual where it is not null);
  /// x [rows, in], weight [out, in] as PyTorch's Linear, bias [out] or null, residual and y [rows, out].
  DndStatus (*linear)(void* device, const DndControl*, const float* x, int64_t rows, int64_t in, const float* weight,
                      const float* bias, int64_t out, DndActivation activation, const float* residual, float* y);

  /// BERT embeddings, before their LayerNorm: y[r] = word[ids[r]] + position[positions[r]] + type[0].
  /// ids, positions: int32 [rows], within the tables; y [rows, columns].
  DndStatus (*embed)(void* device, const DndControl*, const int32_t* ids, const int32_t* positions, int64_t rows,
                     const float* word, const float* position, const float* type, int64_t columns, float* y);

  /// softmax(q·kᵀ/√head_width + mask) · v for each sequence and head. Sequences of any lengths lie one after the other:
  /// sequence s is rows offsets[s] … offsets[s + 1] of qkv [rows, 3, heads, head_width] and y [rows, heads · head_width].
  /// mask int32 [rows], 0 = padding: its keys get the lowest finite score, so that a sequence without any real token
  /// attends uniformly. offsets int64 [sequences + 1], ascending; `longest` is the longest sequence's number of rows.
  DndStatus (*attention)(void* device, const DndControl*, const float* qkv, const int32_t* mask, const int64_t* offsets,
                         int64_t sequences, int64_t longest, int64_t heads, int64_t head_width, float* y);

  /// y[s] = mean of the real rows of sequence s, zeros where it has none; x [rows, columns], y [sequences, columns],
  /// mask and offsets as for attention.
  DndStatus (*mean_pool)(void* device, const DndControl*, const float* x, const int32_t* mask, const int64_t* offsets,
                         int64_t sequences, int64_t columns, float* y);
};
}

constexpr uint32_t kDndBackendVersion = 1;
