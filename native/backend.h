#pragma once

#include <cstddef>
#include <cstdint>

/// The backend interface (vtable) that a device implements. Plain C types only: a device may live in a library that is
/// opened at run time and was built by another compiler, so nothing of the C++ runtime, exceptions included, crosses
/// here. `model/` writes the mathematics once against this table (through `model/device.h`); `cpu/` and `cuda/`
/// implement it.
///
/// Every operation returns kOk or a failure whose message `last_error` returns. Tensors are dense row-major float32 in
/// device memory unless noted otherwise; operations may be queued, `synchronise` waits for all of them.

extern "C" {

enum DndStatus : int32_t {
  kDndOk = 0,
  kDndInvalidArgument = 1,
  kDndOutOfMemory = 2,
  kDndAborted = 3,
  kDndInternal = 4,
  kDndUnavailable = 5,  ///< there is no such device, or it cannot be used
};

/// What matrix products are computed with. kDndMixed: float16 operands and float32 sums where the device has units for
/// them; float32 elsewhere (on a CPU always). kDndBfloat16: bfloat16 operands, rounded to nearest even, and float32 sums
/// in products with the weights of `upload_linear`, float32 in all others; kDndUnavailable on a CPU without instructions
/// for them, kDndInvalidArgument on other devices.
enum DndPrecision : int32_t { kDndMixed = 0, kDndFloat32 = 1, kDndBfloat16 = 2 };

struct DndDeviceOptions {
  int32_t threads = 0;  ///< of a CPU; 0 = the default
  int32_t ordinal = 0;  ///< which of several devices
  DndPrecision precision = kDndMixed;
  int64_t memory_limit = 0;  ///< limit on device memory, in bytes; 0 = all that is available
};

struct DndDeviceDescription {
  char name[128];
  int64_t memory_bytes;
  int32_t compute_major, compute_minor;
  int32_t driver_version, runtime_version;  ///< as CUDA counts them: 13000 is 13.0
};

/// Which axis of [tokens, height, width] plays the channels of a convolution; the other two are the spatial axes.
enum DndAxis : int32_t { kDndWidth = 0, kDndHeight = 1, kDndToken = 2 };

/// How a convolution is computed; kDndAuto: whatever the device's plan predicts to be faster.
enum DndAlgorithm : int32_t { kDndAuto = 0, kDndDirect = 1, kDndSpectral = 2 };

/// What happens to a convolution's result c before it is stored in y; see DndConvolutionOperands.
enum DndEpilogue : int32_t { kDndStore = 0, kDndMergePaths = 1, kDndTokenBias = 2, kDndAdd = 3 };

enum DndActivation : int32_t { kDndNoActivation = 0, kDndGelu = 1, kDndGeluTanh = 2, kDndRelu = 3 };

/// How a weight is stored: other than float32 only on devices with host_memory, and where it is not trained.
enum DndWeightType : int32_t { kDndFloat32Weight = 0, kDndFloat16Weight = 1, kDndBfloat16Weight = 2 };
constexpr int kDndWeightTypes = 3;

/// A weight or a table, dense and of finite numbers, in host memory: read where and as it is stored.
struct DndWeight {
  const void* values;
  DndWeightType type = kDndFloat32Weight;
};

/// Asked by the device between tiles (CPU) or kernels (CUDA): nonzero stops the operation with kDndAborted.
/// `advance` reports multiply-adds done, for progress. Both may be called from any thread.
struct DndControl {
  void* context;
  int32_t (*cancelled)(void* context);
  void (*advance)(void* context, double multiply_adds);
};

/// A hyper-convolution: x [batch, tokens, height, width], zero "same" padding, stride 1, weight
/// [out_channels, in_channels, k, k]; the axis named becomes out_channels long. All that its plan depends on is here.
struct DndConvolution {
  DndAxis axis;
  int64_t batch, tokens, height, width;
  int64_t out_channels;
  int32_t kernel_size;
  int32_t normalised;    ///< 1: x is normalised where it is read (a width or height convolution)
  DndEpilogue epilogue;  ///< kDndMergePaths: of a width convolution; kDndTokenBias: of a token convolution
  DndAlgorithm algorithm;
  int64_t workspace_limit;  ///< bytes; what is computed, and in which order, may depend on it
  /// 1: the gradient with respect to the input of a convolution whose weight [in_channels, out_channels, k, k] is given
  /// as it is: each tap (a, b) of channel c and output o is weight[c, o, k − 1 − a, k − 1 − b]. x is the gradient of
  /// that convolution's result. Only on devices that train.
  int32_t transposed_weight = 0;
};

/// Tensors of a convolution. None may be y, and none may overlap it.
struct DndConvolutionOperands {
  const float* x = nullptr;
  const float* mean_rstd = nullptr;    ///< [batch · tokens, 3] as `norm_statistics` makes them, or null
  const float* norm_weight = nullptr;  ///< [height, width]; x̂ = (x − mean) · rstd · norm_weight + norm_bias
  const float* norm_bias = nullptr;
  const void* weight = nullptr;  ///< numbers of weight_type
  DndWeightType weight_type = kDndFloat32Weight;
  const float* addend = nullptr;  ///< path a or the residual, which may be null; y's shape
                                  ///< kDndAdd: y = c + addend, and here the addend may be y
  const float* bias = nullptr;    ///< kDndMergePaths, [height', width']: y = (addend + tanh(c) + bias) / 3
                                  ///< kDndTokenBias, [tokens']: y = c + bias (+ addend)
  float* y = nullptr;
  void* workspace = nullptr;       ///< as many bytes as convolution_workspace returns
  double* part_seconds = nullptr;  ///< null, or kDndConvolutionParts numbers to which processor time is added
};

/// Parts of a spectral convolution that part_seconds counts separately.
enum DndConvolutionPart : int32_t {
  kDndForwardPart = 0,  ///< tiles to spectra
  kDndHalvePart = 1,    ///< weights' transform along the halved axis
  kDndColumnsPart = 2,  ///< and along the other
  kDndProductPart = 3,
  kDndInversePart = 4,
  kDndConvolutionParts = 5,
};

/// Weight tokens of one tensor of an adapter: see docs/formats.md. The tensor is [rank, length], or [length, rank]
/// where it is `transposed` (a B matrix); each token holds `chunk` of its length, the last one possibly fewer.
struct DndAdapterTensor {
  int64_t first_token, tokens;
  int64_t length;
  int64_t transposed;
  int64_t offset;  ///< of its first element in the adapter
};

struct DndAdapterLayout {
  int64_t tokens, height, width;  ///< of all weight tokens of an adapter
  int64_t rank, chunk;
  int64_t elements;  ///< of the adapter: its tensors are contiguous
  const DndAdapterTensor* tensors;
  int64_t tensor_count;
};

/// A run of operations that is the same whenever its key is: which operations, on which shapes, at which places.
struct DndPass {
  uint64_t key;
  int64_t bytes;  ///< that are allocated at the same time, at most; each allocation may round up by 256
};

struct DndTrainingOperations;  // backend_training.h
struct DndLanguageOperations;  // backend_language.h
struct DndEncoderOperations;   // backend_encoder.h

struct DndBackend {
  uint32_t version;  ///< kDndBackendVersion of the header that the implementation was built with
  const char* name;  ///< "cpu", "cuda"
  /// 1: device memory is the host's. What is free of it depends on whatever else the machine does, so it must not
  /// change a plan, nor so a result; none is retained between passes; and `memory` and `convolution_workspace` may be
  /// called while another thread has work under way.
  int32_t host_memory;

  /// Devices of this kind. kDndUnavailable where there can be none, and `last_error(null)` returns why and what to do.
  DndStatus (*count)(int32_t* devices);
  DndStatus (*describe)(int32_t ordinal, DndDeviceDescription*);

  void* (*open)(const DndDeviceOptions*, DndStatus* status);  ///< one device state
  void (*close)(void* device);
  const char* (*last_error)(void* device);  ///< of the calling thread's last failure on this device; device may be null

  /// Bytes of device memory that this state uses, and that it could still allocate.
  DndStatus (*memory)(void* device, int64_t* used, int64_t* available);

  DndStatus (*allocate)(void* device, size_t bytes, void** memory);  ///< 64-byte aligned
  void (*release)(void* device, void* memory);
  DndStatus (*upload)(void* device, void* destination, const void* host, size_t bytes);
  DndStatus (*download)(void* device, void* host, const void* source, size_t bytes);
  DndStatus (*synchronise)(void* device);

  /// Parameters are in host memory, and operations take their host addresses (weight, bias, norm_*, tables of an
  /// embedding). Before operations read one it must be uploaded: the device then has a resident copy in its own form.
  /// Uploading it again is cheap. `invalidate` drops all resident copies, after parameters have changed. Tables in half
  /// precision, which devices with host_memory read where they are, are not uploaded.
  DndStatus (*upload_values)(void* device, const float* values, int64_t elements);
  DndStatus (*upload_linear)(void* device, DndWeight weight, int64_t out, int64_t in);
  /// For every batch and workspace limit; the weight is float32, but on devices with host_memory. `reserved_bytes`:
  /// device memory that must stay free for passes; a weight whose fastest form does not fit beside it is uploaded in a
  /// smaller form; kDndOutOfMemory if none fits.
  DndStatus (*upload_convolution)(void* device, const DndControl*, const DndConvolution*, const void* weight,
                                  int64_t reserved_bytes);
  DndStatus (*invalidate)(void* device);

  /// Between begin_pass and end_pass all allocations come from memory of the pass, at the same addresses for the same
  /// key. `upload` comes before the first operation, `download` after end_pass; no parameters are uploaded or
  /// invalidated in between.
  /// Where *recorded is 1 the device will repeat the pass by itself: the same allocations must be made, but no
  /// operations. end_pass runs the pass and waits for it, or discards it if run is 0; allocations live until
  /// the next begin_pass or invalidate. A device that records nothing returns 0 and computes immediately.
  DndStatus (*begin_pass)(void* device, const DndPass*, int32_t* recorded);
  DndStatus (*end_pass)(void* device, const DndControl*, int32_t run);

  /// y = (x − mean) / √(var + eps) · weight + bias over the last `columns` of x [rows, columns].
  /// y may be x.
  DndStatus (*layer_norm)(void* device, const DndControl*, const float* x, int64_t rows, int64_t columns,
                          const float* weight, const float* bias, float eps, float* y);

  /// Mean and rstd = 1 / √(var + eps) over the last `columns` of x [rows, columns]: mean_rstd [rows, 3] is the mean
  /// as the nearest float, its rounding residue, and rstd.
  DndStatus (*norm_statistics)(void* device, const DndControl*, const float* x, int64_t rows, int64_t columns,
                               float eps, float* mean_rstd);

  /// Bytes of the convolution's workspace, at most workspace_limit. kDndOutOfMemory where that is too little, and then
  /// `sufficient` is a limit that would do.
  DndStatus (*convolution_workspace)(void* device, const DndConvolution*, int64_t* bytes, int64_t* sufficient);
  DndStatus (*convolution)(void* device, const DndControl*, const DndConvolution*, const DndConvolutionOperands*);

  /// y = activation(x · weightᵀ + bias) (+ residual where it is not null);
  /// x [rows, in], weight [out, in] as PyTorch's Linear, bias [out] or null, residual and y [rows, out].
  DndStatus (*linear)(void* device, const DndControl*, const float* x, int64_t rows, int64_t in, DndWeight weight,
                      const float* bias, int64_t out, DndActivation activation, const float* residual, float* y);

  /// BERT embeddings, before their LayerNorm: y[r] = word[ids[r]] + position[positions[r]] + type[0].
  /// ids, positions: int32 [rows], within the tables; y [rows, columns].
  DndStatus (*embed)(void* device, const DndControl*, const int32_t* ids, const int32_t* positions, int64_t rows,
                     DndWeight word, const float* position, const float* type, int64_t columns, float* y);

  /// softmax(q·kᵀ/√head_width + mask) · v for each sequence and head. Sequences of any lengths are concatenated:
  /// sequence s is rows offsets[s] … offsets[s + 1] of qkv [rows, 3, heads, head_width] and y [rows, heads ·
  /// head_width]. mask int32 [rows], 0 = padding: its keys get the lowest finite score, so that a sequence without any
  /// real token attends uniformly. offsets int64 [sequences + 1], ascending; `longest` is the longest sequence's number
  /// of rows.
  DndStatus (*attention)(void* device, const DndControl*, const float* qkv, const int32_t* mask, const int64_t* offsets,
                         int64_t sequences, int64_t longest, int64_t heads, int64_t head_width, float* y);

  /// y[s] = mean of the real rows of sequence s, zeros where it has none; x [rows, columns], y [sequences, columns],
  /// mask and offsets as for attention.
  DndStatus (*mean_pool)(void* device, const DndControl*, const float* x, const int32_t* mask, const int64_t* offsets,
                         int64_t sequences, int64_t columns, float* y);

  /// De-normalises weight tokens [batch, tokens, height, width] into adapters [batch, elements].
  DndStatus (*reconstruct)(void* device, const DndControl*, const float* tokens, int64_t batch, const DndAdapterLayout*,
                           float* adapters);

  const DndTrainingOperations* training;  ///< null: this device does not train
  const DndLanguageOperations* language;  ///< null: this device does not run language models
  const DndEncoderOperations* encoder;    ///< null: this device runs text encoders of the BERT family only
};

/// What a device library exports under this name.
typedef const DndBackend* (*DndDeviceLibrary)(void);
#define DND_DEVICE_LIBRARY_ENTRY "dnd_device_library"
}

constexpr uint32_t kDndBackendVersion = 14;
