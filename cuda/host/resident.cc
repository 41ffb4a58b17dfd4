#include "cuda/host/resident.h"

#include <algorithm>
#include <bit>
#include <string>

#include "cuda/device/half.h"
#include "cuda/kernels/linear.h"
#include "cuda/kernels/spectral_weights.h"
#include "cuda/kernels/tensor_scale.h"

namespace dnd::cuda {
namespace {

constexpr int64_t kFloat = sizeof(float);
/// Taps on their way to spectra: enough for the bus, little beside the resident parameters.
constexpr int64_t kStagingBytes = int64_t{64} << 20;

[[noreturn]] void not_resident(const std::string& what) {
  throw Error(ErrorCode::kInternal, what + " was not uploaded before it was used");
}

std::string text_of(const ConvolutionShape& shape) {
  return "the weight [" + std::to_string(shape.out_channels) + ", " + std::to_string(shape.channels) + ", " +
         std::to_string(shape.kernel) + ", " + std::to_string(shape.kernel) + "] of a convolution";
}

int64_t row_elements(const ConvolutionShape& shape) { return shape.channels * shape.kernel * shape.kernel; }

/// The largest magnitude, NaN above all, as tensor_scale finds it. A float's bits without its sign are in the order of
/// magnitudes; several at a time, because gigabytes are looked through.
float magnitude_of(const float* values, int64_t elements) {
  constexpr int64_t kLanes = 32;
  uint32_t most[kLanes] = {};
  const auto look_at = [&](const float* at, int64_t lanes) {
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const uint32_t bits = std::bit_cast<uint32_t>(at[lane]) & 0x7fffffff;
      most[lane] = bits > most[lane] ? bits : most[lane];
    }
  };
  int64_t begin = 0;
  for (; begin + kLanes <= elements; begin += kLanes) look_at(values + begin, kLanes);
  look_at(values + begin, elements - begin);
  return std::bit_cast<float>(*std::max_element(most, most + kLanes));
}

}  // namespace

bool ResidentParameters::upload_values(const float* values, int64_t elements) {
  const auto found = values_.find(values);
  if (found != values_.end() && found->second.elements >= elements) return false;
  values_.insert_or_assign(values, Values{uploaded(values, elements, "a parameter"), elements});
  return true;
}

bool ResidentParameters::upload_linear(const float* weight, int64_t out, int64_t in) {
  const auto found = linears_.find(weight);
  if (found != linears_.end() && found->second.out == out && found->second.in == in) return false;
  const std::string name = "the weight [" + std::to_string(out) + ", " + std::to_string(in) + "] of a linear layer";
  Linear resident{{}, out, in};
  if (choices_.precision() == kDndFloat32) {
    resident.weight = uploaded(weight, out * in, name);
  } else {
    resident.weight = memory_.allocate(half_weight_bytes(out, in), name);
    const DeviceMemory::Block staging = uploaded(weight, out * in, name);
    const QueueSettled settled(queue_);
    queue_.launch(Control(nullptr), kCudaLaunchSeconds, 0, [&](runtime::Stream stream) {
      make_half_weight(stream, staging.as<const float>(), out, in, resident.weight.data());
    });
    queue_.synchronise();
  }
  linears_.insert_or_assign(weight, std::move(resident));
  return true;
}

bool ResidentParameters::upload_convolution(const Control& control, const DndConvolution& convolution,
                                            const float* weight, int64_t reserved_bytes) {
  const std::pair key(ConvolutionChoices::task_shape(convolution), weight);
  if (convolutions_.contains(key)) return false;
  const ConvolutionForm form = choices_.form(convolution);
  const ConvolutionShape& shape = form.shape;
  const int64_t taps_bytes = shape.out_channels * row_elements(shape) * kFloat;
  const int64_t supply = memory_.available() - std::max<int64_t>(0, reserved_bytes);
  const bool spectral = form.algorithm == Algorithm::kSpectral;
  const int64_t spectra_bytes = spectral ? cuda_weight_spectra_bytes(shape, form.tiling, choices_.precision()) : 0;
  Convolution resident;
  if (spectral && spectra_bytes + std::min(kStagingBytes, taps_bytes) <= supply) {
    resident = upload_spectra(control, form, weight, convolution);
  } else if (taps_bytes <= supply) {
    resident = upload_taps(control, form, weight);
  } else {
    std::string sentence = text_of(shape) + " needs " + bytes_text(taps_bytes) + " of device memory";
    if (spectral) sentence += ", better " + bytes_text(spectra_bytes);
    throw Error(ErrorCode::kOutOfMemory,
                sentence + ", and beside the " + bytes_text(std::max<int64_t>(0, reserved_bytes)) +
                    " reserved for forward passes there are " + bytes_text(std::max<int64_t>(0, supply)) +
                    " available: a smaller batch or a larger memory limit would help");
  }
  convolutions_.emplace(key, std::move(resident));
  return true;
}

ResidentParameters::Convolution ResidentParameters::upload_spectra(const Control& control, const ConvolutionForm& form,
                                                                   const float* weight,
                                                                   const DndConvolution& convolution) {
  const ConvolutionShape& shape = form.shape;
  const bool mixed = choices_.precision() == kDndMixed;
  const int64_t spectra_bytes = cuda_weight_spectra_bytes(shape, form.tiling, choices_.precision());
  Convolution resident{form, true, memory_.allocate(spectra_bytes, "the spectra of " + text_of(shape)), {}};
  if (mixed) resident.scale = uploaded_scale(shape, weight);
  const int64_t row = row_elements(shape), pitch = cuda_channel_pitch(shape.channels);
  const int64_t most = std::clamp<int64_t>(kStagingBytes / (row * kFloat), 1, shape.out_channels);
  const DeviceMemory::Block staging = memory_.allocate(most * row * kFloat, "a part of " + text_of(shape));
  const QueueSettled settled(queue_);  // ahead of the blocks' release
  const double seconds = form.weight_seconds;
  const auto transform = [&]<typename Element>(Element* spectra, int64_t first, int64_t outs) {
    const SpectralWeights<Element> arguments = {.geometry = convolution_geometry(convolution),
                                                .tiling = form.tiling,
                                                .weight = staging.as<const float>(),
                                                .scale = resident.scale.as<const float>(),
                                                .first_out = 0,
                                                .outs = outs,
                                                .rows = shape.out_channels,
                                                .spectra = spectra + first * pitch};
    queue_.launch(control, seconds * static_cast<double>(outs) / static_cast<double>(shape.out_channels), 0,
                  [&](runtime::Stream stream) { spectral_weights(stream, arguments); });
  };
  for (int64_t first = 0; first < shape.out_channels; first += most) {
    const int64_t outs = std::min(most, shape.out_channels - first);
    queue_.send(staging.data(), weight + first * row, outs * row * kFloat);
    if (mixed) {
      transform(resident.weight.as<Half>(), first, outs);
    } else {
      transform(resident.weight.as<float>(), first, outs);
    }
  }
  queue_.synchronise();
  return resident;
}

ResidentParameters::Convolution ResidentParameters::upload_taps(const Control& control, const ConvolutionForm& form,
                                                                const float* weight) {
  control.throw_if_cancelled();
  const ConvolutionShape& shape = form.shape;
  Convolution resident{form, false, uploaded(weight, shape.out_channels * row_elements(shape), text_of(shape)), {}};
  if (form.algorithm == Algorithm::kSpectral && choices_.precision() == kDndMixed) {
    resident.scale = uploaded_scale(shape, weight);
  }
  return resident;
}

DeviceMemory::Block ResidentParameters::uploaded_scale(const ConvolutionShape& shape, const float* weight) {
  const float scale = scale_for(magnitude_of(weight, shape.out_channels * row_elements(shape)),
                                static_cast<float>(shape.kernel * shape.kernel), kWeightLimitExponent);
  return uploaded(&scale, 1, "the scale of a weight");
}

void ResidentParameters::invalidate() {
  values_.clear();
  linears_.clear();
  convolutions_.clear();
}

const float* ResidentParameters::values(const float* host, int64_t elements, const char* what) const {
  if (host == nullptr) return nullptr;
  const auto found = values_.find(host);
  if (found == values_.end() || found->second.elements < elements) not_resident(what);
  return found->second.memory.as<const float>();
}

const ResidentParameters::Linear& ResidentParameters::linear(const float* host, int64_t out, int64_t in) const {
  const auto found = linears_.find(host);
  if (found == linears_.end() || found->second.out != out || found->second.in != in) {
    not_resident("the weight [" + std::to_string(out) + ", " + std::to_string(in) + "] of a linear layer");
  }
  return found->second;
}

const ResidentParameters::Convolution& ResidentParameters::convolution(const float* host,
                                                                       const DndConvolution& convolution) const {
  const auto found = convolutions_.find({ConvolutionChoices::task_shape(convolution), host});
  if (found == convolutions_.end()) {
    not_resident(text_of(shape_of(convolution_geometry(convolution))) + ", for a spatial plane of this size,");
  }
  return found->second;
}

ResidentParameters::Forms ResidentParameters::forms_of(const DndConvolution& convolution) const {
  const TaskShape shape = ConvolutionChoices::task_shape(convolution);
  Forms forms{};
  for (auto resident = convolutions_.lower_bound({shape, nullptr});
       resident != convolutions_.end() && resident->first.first == shape; ++resident) {
    (resident->second.spectra || resident->second.form.algorithm == Algorithm::kDirect ? forms.spectra : forms.taps) =
        true;
  }
  if (!forms.taps) forms.spectra = true;
  return forms;
}

DeviceMemory::Block ResidentParameters::uploaded(const float* host, int64_t elements, const std::string& what) {
  DeviceMemory::Block memory = memory_.allocate(elements * kFloat, what);
  if (elements == 0) return memory;
  queue_.send(memory.data(), host, elements * kFloat);
  queue_.synchronise();
  return memory;
}

}  // namespace dnd::cuda
