#include "cuda/host/spectral.h"

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "cuda/device/half.h"
#include "cuda/host/device.h"
#include "cuda/host/part_clock.h"
#include "cuda/kernels/complex_gemm_fp32.h"
#include "cuda/kernels/complex_gemm_mma.h"
#include "cuda/kernels/spectral_forward.h"
#include "cuda/kernels/spectral_inverse.h"
#include "cuda/kernels/spectral_weights.h"
#include "cuda/kernels/tensor_scale.h"

namespace dnd::cuda {
namespace {

/// One convolution under way. Element: of the spectra, Half or float.
template <typename Element>
class SpectralRun {
 public:
  static constexpr bool kMixed = std::is_same_v<Element, Half>;
  static constexpr DndPrecision kPrecision = kMixed ? kDndMixed : kDndFloat32;

  SpectralRun(Device& device, const Control& control, const DndConvolution& convolution,
              const ConvolutionChoice& choice, const ResidentParameters::Convolution& weight,
              const DndConvolutionOperands& operands)
      : queue_(device.queue),
        control_(control),
        convolution_(convolution),
        geometry_(choice.geometry),
        plan_(choice.plan),
        weight_(weight),
        operands_(operands),
        clock_(device.queue, operands.part_seconds) {
    std::byte* place = static_cast<std::byte*>(operands.workspace);
    const auto part = [&place](int64_t bytes) { return std::exchange(place, place + bytes); };
    scales_ = reinterpret_cast<float*>(part(plan_.scale_bytes()));
    scale_parts_ = reinterpret_cast<uint32_t*>(part(plan_.scale_part_bytes()));
    spectra_ = reinterpret_cast<Element*>(part(plan_.tile_spectra_bytes(kPrecision)));
    product_ = reinterpret_cast<float*>(part(plan_.product_bytes()));
    chunk_weight_ = reinterpret_cast<Element*>(place);
  }

  void run() {
    if (kMixed) scale();
    for (int64_t first = 0; first < plan_.tiles(); first += plan_.chunk_tiles) {
      const Chunk tiles = {first, std::min(plan_.chunk_tiles, plan_.tiles() - first)};
      forward(tiles);
      for (int64_t out = 0; out < geometry_.out_channels; out += plan_.chunk_outs) {
        const Chunk outs = {out, std::min(plan_.chunk_outs, geometry_.out_channels - out)};
        if (!weight_.spectra) weights(outs);
        product(tiles, outs);
        inverse(tiles, outs);
      }
    }
  }

 private:
  struct Chunk {
    int64_t first, size;
  };

  int64_t frequencies() const { return plan_.tiling.frequencies(); }
  int64_t pitch() const { return cuda_channel_pitch(geometry_.channels); }
  /// The predicted time of a kind of kernel, shared out by what of it is done at a time.
  double share_of_tiles(const Chunk& tiles) const {
    return static_cast<double>(tiles.size) / static_cast<double>(plan_.tiles());
  }
  double share_of_outs(const Chunk& outs) const {
    return static_cast<double>(outs.size) / static_cast<double>(geometry_.out_channels);
  }
  const float* weight_scale() const { return kMixed ? weight_.scale.template as<const float>() : nullptr; }
  const float* scales() const { return kMixed ? scales_ : nullptr; }

  template <typename Launches>
  void launch(DndConvolutionPart part, double seconds, double multiply_adds, const Launches& launches) {
    clock_.time(part, [&] { queue_.launch(control_, seconds, multiply_adds, launches); });
  }

  void scale() {
    const TensorScale arguments = {.x = operands_.x,
                                   .tasks = geometry_.batch,
                                   .rows = convolution_.tokens,
                                   .columns = convolution_.height * convolution_.width,
                                   .mean_rstd = operands_.mean_rstd,
                                   .norm_weight = operands_.norm_weight,
                                   .norm_bias = operands_.norm_bias,
                                   .growth = 1,
                                   .limit_exponent = kInputLimitExponent,
                                   .parts = scale_parts_,
                                   .part_capacity = plan_.scale_part_bytes() / static_cast<int64_t>(sizeof(uint32_t)),
                                   .scales = scales_};
    launch(kDndForwardPart, plan_.cost.scale, 0, [&](runtime::Stream stream) { tensor_scale(stream, arguments); });
  }

  void forward(const Chunk& tiles) {
    const SpectralForward<Element> arguments = {.geometry = geometry_,
                                                .tiling = plan_.tiling,
                                                .x = operands_.x,
                                                .mean_rstd = operands_.mean_rstd,
                                                .norm_weight = operands_.norm_weight,
                                                .norm_bias = operands_.norm_bias,
                                                .scales = scales(),
                                                .first_tile = tiles.first,
                                                .tiles = tiles.size,
                                                .spectra = spectra_};
    launch(kDndForwardPart, plan_.cost.forward * share_of_tiles(tiles), 0,
           [&](runtime::Stream stream) { spectral_forward(stream, arguments); });
  }

  /// Spectra of a chunk of output channels, again for each chunk of tiles.
  void weights(const Chunk& outs) {
    const SpectralWeights<Element> arguments = {.geometry = geometry_,
                                                .tiling = plan_.tiling,
                                                .weight = weight_.weight.template as<const float>(),
                                                .scale = weight_scale(),
                                                .first_out = outs.first,
                                                .outs = outs.size,
                                                .rows = outs.size,
                                                .spectra = chunk_weight_};
    launch(kDndHalvePart, plan_.cost.weights * share_of_outs(outs) / static_cast<double>(plan_.tile_chunks()), 0,
           [&](runtime::Stream stream) { spectral_weights(stream, arguments); });
  }

  void product(const Chunk& tiles, const Chunk& outs) {
    const int64_t output_pitch = cuda_output_pitch(outs.size);
    const int64_t x_component = tiles.size * pitch(), y_component = tiles.size * output_pitch;
    const int64_t weight_component = (weight_.spectra ? geometry_.out_channels : outs.size) * pitch();
    const Element* const resident = weight_.weight.template as<const Element>();
    const ComplexGemm<Element> arguments = {.x = spectra_,
                                            .weight = weight_.spectra ? resident + outs.first * pitch() : chunk_weight_,
                                            .y = product_,
                                            .x_strides = {2 * x_component, x_component},
                                            .weight_strides = {2 * weight_component, weight_component},
                                            .y_strides = {2 * y_component, y_component},
                                            .frequencies = frequencies(),
                                            .tiles = static_cast<int>(tiles.size),
                                            .outs = static_cast<int>(outs.size),
                                            .channel_pitch = static_cast<int>(pitch()),
                                            .output_pitch = static_cast<int>(output_pitch)};
    launch(kDndProductPart, plan_.cost.product * share_of_tiles(tiles) * share_of_outs(outs), 0,
           [&](runtime::Stream stream) {
             if constexpr (kMixed) {
               complex_gemm_mma(stream, arguments, plan_.product_tile);
             } else {
               complex_gemm_fp32(stream, arguments);
             }
           });
  }

  void inverse(const Chunk& tiles, const Chunk& outs) {
    const SpectralInverse arguments = {.geometry = geometry_,
                                       .tiling = plan_.tiling,
                                       .epilogue = convolution_.epilogue,
                                       .product = product_,
                                       .product_pitch = cuda_output_pitch(outs.size),
                                       .scales = scales(),
                                       .weight_scale = weight_scale(),
                                       .first_tile = tiles.first,
                                       .tiles = tiles.size,
                                       .first_out = outs.first,
                                       .outs = outs.size,
                                       .addend = operands_.addend,
                                       .bias = operands_.bias,
                                       .y = operands_.y};
    const double share = share_of_tiles(tiles) * share_of_outs(outs);
    launch(kDndInversePart, plan_.cost.inverse * share, plan_.direct_multiply_adds() * share,
           [&](runtime::Stream stream) { spectral_inverse(stream, arguments); });
  }

  Queue& queue_;
  const Control& control_;
  const DndConvolution& convolution_;
  const Geometry& geometry_;
  const CudaConvolutionPlan& plan_;
  const ResidentParameters::Convolution& weight_;
  const DndConvolutionOperands& operands_;
  const PartClock clock_;

  // Parts of the workspace.
  float* scales_;  ///< of each task
  uint32_t* scale_parts_;
  Element* spectra_;       ///< of a chunk of tiles
  float* product_;         ///< of a chunk of tiles and outputs
  Element* chunk_weight_;  ///< of a chunk of outputs, where they are not resident
};

}  // namespace

void convolve_spectral(Device& device, const Control& control, const DndConvolution& convolution,
                       const ConvolutionChoice& choice, const ResidentParameters::Convolution& weight,
                       const DndConvolutionOperands& operands) {
  if (device.precision == kDndMixed) {
    SpectralRun<Half>(device, control, convolution, choice, weight, operands).run();
  } else {
    SpectralRun<float>(device, control, convolution, choice, weight, operands).run();
  }
}

}  // namespace dnd::cuda
