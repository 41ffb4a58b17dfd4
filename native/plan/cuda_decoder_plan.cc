#include "plan/cuda_decoder_plan.h"

#include <algorithm>
#include <string>

#include "core/status.h"
#include "plan/cuda_cost.h"

namespace dnd {
namespace {

constexpr int64_t kFloat = sizeof(float);
/// A context, the kernels' code and what the display or other processes have.
constexpr int64_t kSystemBytes = int64_t{1} << 30;

/// norm.weight, norm.bias, linear1.bias and linear2.bias of each layer.
int64_t value_bytes(const std::vector<Feature>& features) {
  int64_t values = 0;
  for (size_t layer = 0; layer + 1 < features.size(); ++layer) {
    const Feature &in = features[layer], &out = features[layer + 1];
    values += 2 * in.height * in.width + out.height * out.width + out.tokens;
  }
  return values * kFloat;
}

double norm_statistics_seconds(const std::vector<Feature>& features, int64_t batch, const CudaRates& rates) {
  double seconds = 0;
  for (size_t layer = 0; layer + 1 < features.size(); ++layer) {
    const double bytes = static_cast<double>(batch * features[layer].elements() * kFloat);
    seconds += kCudaLaunchSeconds + cuda_transfer_seconds(bytes, bytes, rates);
  }
  return seconds;
}

}  // namespace

int64_t cuda_weight_tap_bytes(const ConvolutionShape& shape) {
  return shape.kernel * shape.kernel * shape.channels * shape.out_channels * kFloat;
}

int64_t cuda_activation_bytes(const std::vector<Feature>& features, int64_t batch) {
  int64_t most = 0;
  for (size_t layer = 0; layer + 1 < features.size(); ++layer) {
    const Feature &in = features[layer], &out = features[layer + 1];
    // As Decoder::Pass allocates and frees: x, its mean and rstd, path a, path p, their sum, y.
    const int64_t x = in.elements(), residual = in == out ? x : 0, mean_rstd = 3 * in.tokens;
    const int64_t first = in.tokens * in.height * out.width, a = in.tokens * out.height * out.width;
    const int64_t p = in.tokens * out.height * in.width, y = out.elements();
    most = std::max({most, x + mean_rstd + first + a, x + mean_rstd + a + p, residual + a + p + a, residual + a + y});
  }
  return most * batch * kFloat;
}

CudaDecoderPlan plan_cuda_decoder(const std::vector<Feature>& features, int64_t kernel, int64_t batch,
                                  const CudaPlanOptions& options, int64_t memory_bytes) {
  const std::vector<LayerStep> steps = steps_of(features, kernel, batch);
  const CudaRates& rates = cuda_rates_of(options.device_model);
  CudaDecoderPlan decoder{};
  decoder.memory_bytes = memory_bytes > 0 ? memory_bytes : rates.memory_bytes - kSystemBytes;
  decoder.value_bytes = value_bytes(features);
  decoder.activation_bytes = cuda_activation_bytes(features, batch);
  decoder.norm_statistics_seconds = norm_statistics_seconds(features, batch, rates);

  CudaPlanOptions made = options;
  made.spectra_resident = false;
  int64_t taps = 0, least_workspace = 0;
  for (const LayerStep& step : steps) {
    taps += cuda_weight_tap_bytes(step.shape);
    least_workspace = std::max(least_workspace, cuda_least_workspace(step.shape, made));
  }
  const int64_t fixed = taps + decoder.value_bytes + decoder.activation_bytes;
  const int64_t limit = std::min(options.workspace_bytes, decoder.memory_bytes - fixed);
  if (limit < least_workspace) {
    throw Error(ErrorCode::kOutOfMemory,
                "plan: a batch of " + std::to_string(batch) + " takes " + std::to_string(fixed + least_workspace) +
                    " bytes of device memory at least (" + std::to_string(taps) + " of weights, " +
                    std::to_string(decoder.activation_bytes) + " of activations), and " +
                    std::to_string(std::min(decoder.memory_bytes, fixed + options.workspace_bytes)) + " are available");
  }

  made.workspace_bytes = limit;
  CudaPlanOptions resident_options = made;
  resident_options.spectra_resident = true;
  std::vector<CudaConvolutionPlan> with_spectra, without;
  int64_t workspace = 0;  // that stays free, whichever weights are resident
  for (const LayerStep& step : steps) {
    with_spectra.push_back(plan_cuda_convolution(step.shape, resident_options));
    without.push_back(plan_cuda_convolution(step.shape, made));
    workspace = std::max({workspace, with_spectra.back().workspace_bytes, without.back().workspace_bytes});
  }
  int64_t available = decoder.memory_bytes - fixed - workspace;
  for (size_t i = 0; i < steps.size(); ++i) {
    const auto& [layer, convolution, shape] = steps[i];
    const int64_t tap_bytes = cuda_weight_tap_bytes(shape);
    const bool spectral = with_spectra[i].algorithm == Algorithm::kSpectral;
    const int64_t spectra = cuda_weight_spectra_bytes(shape, with_spectra[i].tiling, options.precision);
    const bool resident = spectral && spectra - tap_bytes <= available;
    if (resident) available -= spectra - tap_bytes;
    decoder.convolutions.push_back({layer, convolution, resident, resident ? spectra : tap_bytes,
                                    std::move(resident ? with_spectra[i] : without[i])});
  }
  return decoder;
}

int64_t CudaDecoderPlan::weight_bytes() const {
  int64_t bytes = 0;
  for (const CudaPlannedConvolution& planned : convolutions) bytes += planned.resident_bytes;
  return bytes;
}

int64_t CudaDecoderPlan::workspace_bytes() const {
  int64_t most = 0;
  for (const CudaPlannedConvolution& planned : convolutions) most = std::max(most, planned.plan.workspace_bytes);
  return most;
}

CudaCost CudaDecoderPlan::cost() const {
  CudaCost sum;
  for (const CudaPlannedConvolution& planned : convolutions) {
    const CudaCost& each = planned.plan.cost;
    sum.scale += each.scale;
    sum.forward += each.forward;
    sum.weights += each.weights;
    sum.product += each.product;
    sum.inverse += each.inverse;
    sum.direct += each.direct;
  }
  return sum;
}

double CudaDecoderPlan::executed_multiply_adds() const {
  double sum = 0;
  for (const CudaPlannedConvolution& planned : convolutions) sum += planned.plan.executed_multiply_adds();
  return sum;
}

double CudaDecoderPlan::direct_multiply_adds() const {
  double sum = 0;
  for (const CudaPlannedConvolution& planned : convolutions) sum += planned.plan.direct_multiply_adds();
  return sum;
}

}  // namespace dnd
