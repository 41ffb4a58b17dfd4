#include "plan/cuda_plan.h"

#include "core/status.h"
#include "plan/cuda_chunks.h"
#include "plan/cuda_cost.h"
#include "plan/cuda_tilings.h"
#include "plan/plan_text.h"

namespace dnd {
namespace {

[[noreturn]] void refuse(const std::string& what) { throw Error(ErrorCode::kInvalidArgument, "plan: " + what); }

/// One task's convolution with all memory: what decides the algorithm and the tiling.
struct Survey {
  std::vector<CudaTilingCandidate> tilings;
  const CudaTilingCandidate* best;  ///< null where there is no spectral convolution
  double spectral_seconds, direct_seconds;
  Algorithm algorithm;
};

Survey survey(const ConvolutionShape& shape, DndAlgorithm algorithm, DndPrecision precision, const CudaRates& rates) {
  Survey found{cuda_tilings(shape, precision, rates), nullptr, 0, 0, Algorithm::kDirect};
  found.best = fastest(found.tilings, [](const CudaTilingCandidate&) { return true; });
  ConvolutionShape one = shape;
  one.batch = 1;
  found.direct_seconds = cuda_direct_cost(one, rates).total();
  if (found.best == nullptr) {
    if (algorithm == kDndSpectral) refuse("no spectral convolution is possible: " + no_weight_transform());
    return found;
  }
  CudaPlanOptions options;
  options.precision = precision;
  options.workspace_bytes = INT64_MAX;
  found.spectral_seconds = choose_cuda_chunk(one, found.best->tiling, options, rates)->cost.total();
  if (algorithm == kDndSpectral || (algorithm == kDndAuto && found.spectral_seconds < found.direct_seconds)) {
    found.algorithm = Algorithm::kSpectral;
  }
  return found;
}

std::string describe(const CudaTiling& tiling) {
  return plan_text("spectral, %lld x %lld points, %s halved", static_cast<long long>(tiling.halved.points),
                   static_cast<long long>(tiling.full.points), tiling.halved_is_rows ? "rows" : "columns");
}

void reject(std::vector<RejectedCandidate>& rejected, const std::string& what, double seconds, double taken) {
  rejected.push_back({what, plan_text("predicted %.3g s for one task, %.3g s more", seconds, seconds - taken)});
}

std::vector<RejectedCandidate> explain(const Survey& found, DndAlgorithm asked) {
  std::vector<RejectedCandidate> rejected;
  if (found.best == nullptr) return {{"spectral", no_weight_transform()}};
  const CudaTilingCandidate& best = *found.best;
  const double seconds = found.spectral_seconds;
  if (found.algorithm == Algorithm::kDirect) {
    if (asked == kDndDirect) {
      rejected.push_back({describe(best.tiling), "the direct algorithm was requested"});
    } else {
      reject(rejected, describe(best.tiling), seconds, found.direct_seconds);
    }
    return rejected;
  }
  if (asked == kDndSpectral) {
    rejected.push_back({"direct", "the spectral algorithm was requested"});
  } else {
    reject(rejected, "direct", found.direct_seconds, seconds);
  }
  const auto points_of = [](const CudaTilingCandidate& c) { return c.tiling.full.points * c.tiling.halved.points; };
  const int64_t points = points_of(best);
  const CudaTilingCandidate* const alternatives[] = {
      fastest(found.tilings, [&](const CudaTilingCandidate& c) { return points_of(c) < points; }),
      fastest(found.tilings, [&](const CudaTilingCandidate& c) { return points_of(c) > points; }),
      fastest(found.tilings,
              [&](const CudaTilingCandidate& c) { return c.tiling.halved_is_rows != best.tiling.halved_is_rows; })};
  const char* const names[] = {"smaller tiles: ", "larger tiles: ", "the other axis halved: "};
  for (int i = 0; i < 3; ++i) {
    if (alternatives[i] == nullptr) continue;
    reject(rejected, names[i] + describe(alternatives[i]->tiling), alternatives[i]->cost.total(), best.cost.total());
  }
  return rejected;
}

int64_t least_bytes(const ConvolutionShape& shape, const CudaTiling& tiling, const CudaPlanOptions& options) {
  return cuda_chunk_bytes(shape, tiling, cuda_least_chunk(shape), options.precision, options.spectra_resident).total();
}

CudaChunkBytes parts_of(const CudaConvolutionPlan& plan, DndPrecision precision, bool spectra_resident) {
  if (plan.algorithm == Algorithm::kDirect) return {};
  return cuda_chunk_bytes(plan.shape, plan.tiling, {plan.chunk_tiles, plan.chunk_outs}, precision, spectra_resident);
}

}  // namespace

CudaTiling cuda_tiling(const ConvolutionShape& shape, const std::string& device_model, DndPrecision precision) {
  check_shape(shape);
  return survey(shape, kDndSpectral, precision, cuda_rates_of(device_model)).best->tiling;
}

int64_t cuda_least_workspace(const ConvolutionShape& shape, const CudaPlanOptions& options) {
  check_shape(shape);
  const Survey found = survey(shape, options.algorithm, options.precision, cuda_rates_of(options.device_model));
  return found.algorithm == Algorithm::kDirect ? 0 : least_bytes(shape, found.best->tiling, options);
}

CudaConvolutionPlan plan_cuda_convolution(const ConvolutionShape& shape, const CudaPlanOptions& options) {
  check_shape(shape);
  const CudaRates& rates = cuda_rates_of(options.device_model);
  const Survey found = survey(shape, options.algorithm, options.precision, rates);
  CudaConvolutionPlan plan{};
  plan.shape = shape;
  plan.algorithm = found.algorithm;
  plan.rejected = explain(found, options.algorithm);
  if (found.algorithm == Algorithm::kDirect) {
    plan.cost = cuda_direct_cost(shape, rates);
    return plan;
  }
  plan.tiling = found.best->tiling;
  const auto choice = choose_cuda_chunk(shape, plan.tiling, options, rates);
  if (!choice) {
    throw Error(ErrorCode::kOutOfMemory, "plan: a spectral convolution needs a workspace of at least " +
                                             std::to_string(least_bytes(shape, plan.tiling, options)) +
                                             " bytes, a tile and a few output channels at a time, and " +
                                             std::to_string(options.workspace_bytes) + " are allowed");
  }
  plan.product_tile = choice->product_tile;
  plan.chunk_tiles = choice->chunk.tiles;
  plan.chunk_outs = choice->chunk.outs;
  plan.cost = choice->cost;
  plan.workspace_bytes =
      cuda_chunk_bytes(shape, plan.tiling, choice->chunk, options.precision, options.spectra_resident).total();
  return plan;
}

int64_t CudaConvolutionPlan::scale_bytes() const { return parts_of(*this, kDndMixed, true).scale; }

int64_t CudaConvolutionPlan::scale_part_bytes() const { return parts_of(*this, kDndMixed, true).scale_parts; }

int64_t CudaConvolutionPlan::tile_spectra_bytes(DndPrecision precision) const {
  return parts_of(*this, precision, true).tile_spectra;
}

int64_t CudaConvolutionPlan::product_bytes() const { return parts_of(*this, kDndMixed, true).product; }

int64_t CudaConvolutionPlan::chunk_weight_bytes(DndPrecision precision, bool spectra_resident) const {
  return parts_of(*this, precision, spectra_resident).weights;
}

double CudaConvolutionPlan::executed_multiply_adds() const {
  return algorithm == Algorithm::kDirect ? direct_multiply_adds() : cuda_product_multiply_adds(shape, tiling);
}

double CudaConvolutionPlan::direct_multiply_adds() const { return dnd::direct_multiply_adds(shape); }

int64_t cuda_weight_spectra_bytes(const ConvolutionShape& shape, const CudaTiling& tiling, DndPrecision precision) {
  return 2 * tiling.frequencies() * shape.out_channels * cuda_channel_pitch(shape.channels) *
         cuda_spectrum_bytes(precision);
}

}  // namespace dnd
