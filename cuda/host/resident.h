#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include "backend.h"
#include "control.h"
#include "cuda/host/choice.h"
#include "cuda/host/memory.h"
#include "cuda/host/queue.h"

namespace dnd::cuda {

/// Parameters on the device, each in the form that operations read it in, found by its address on the host.
class ResidentParameters {
 public:
  struct Linear {
    DeviceMemory::Block weight;  ///< a HalfWeight's memory, or [out, in] in float32
    int64_t out, in;
  };
  struct Convolution {
    ConvolutionForm form;
    bool spectra;                ///< of the spectral algorithm; otherwise taps
    DeviceMemory::Block weight;  ///< spectra of all output channels, or taps [out, in, k, k] in float32
    DeviceMemory::Block scale;   ///< of spectra as halves: one power of two
  };

  ResidentParameters(DeviceMemory& memory, Queue& queue, ConvolutionChoices& choices)
      : memory_(memory), queue_(queue), choices_(choices) {}

  /// Each returns whether anything was uploaded. Error(kOutOfMemory) with required and free bytes; what was resident
  /// before still is.
  bool upload_values(const float* values, int64_t elements);
  bool upload_linear(const float* weight, int64_t out, int64_t in);
  /// The fastest form that leaves `reserved_bytes` bytes available.
  bool upload_convolution(const Control& control, const DndConvolution& convolution, const float* weight,
                          int64_t reserved_bytes);
  void invalidate();

  /// The resident copy of a parameter; `what` names it in the Error(kInternal) where it is not. values: null for null.
  const float* values(const float* host, int64_t elements, const char* what) const;
  const Linear& linear(const float* host, int64_t out, int64_t in) const;
  const Convolution& convolution(const float* host, const DndConvolution& convolution) const;

  /// The forms in which weights of such a convolution are resident; spectra where there are none at all.
  struct Forms {
    bool spectra, taps;
  };
  Forms forms_of(const DndConvolution& convolution) const;

 private:
  struct Values {
    DeviceMemory::Block memory;
    int64_t elements;
  };

  Convolution upload_spectra(const Control& control, const ConvolutionForm& form, const float* weight,
                             const DndConvolution& convolution);
  Convolution upload_taps(const Control& control, const ConvolutionForm& form, const float* weight);
  DeviceMemory::Block uploaded(const float* host, int64_t elements, const std::string& what);
  /// Of a weight's spectra as halves.
  DeviceMemory::Block uploaded_scale(const ConvolutionShape& shape, const float* weight);

  DeviceMemory& memory_;
  Queue& queue_;
  ConvolutionChoices& choices_;
  std::unordered_map<const float*, Values> values_;
  std::unordered_map<const float*, Linear> linears_;
  std::map<std::pair<TaskShape, const float*>, Convolution> convolutions_;
};

}  // namespace dnd::cuda
