#include "plan/gradient_plan.h"

#include <algorithm>
#include <optional>

#include "core/status.h"
#include "plan/plan_text.h"
#include "plan/tile_scratch.h"
#include "plan/tilings.h"
#include "plan/transform_sizes.h"

namespace dnd {
namespace {

constexpr double kNanosecond = 1e-9;
/// Of reading spectra from beyond a core's own cache: once for each panel of lanes, and for each slab of rows.
constexpr double kNanosecondsPerByte = 0.02;
constexpr int64_t kFloat = sizeof(float);
constexpr int64_t kLine = 16;      ///< floats of a cache line
constexpr int64_t kSlabRows = 64;  ///< of a slab, more or less
constexpr int64_t kThreads = 4;    ///< whose memory half of the workspace holds at least

double count(int64_t value) { return static_cast<double>(value); }

struct Candidate {
  SpectralGradientPlan plan;
  SpectralGradientCost cost;
};

int64_t rows_of(const ConvolutionShape& shape, const SpectralGradientPlan& plan) {
  return plan.outs_are_lanes ? shape.channels : shape.out_channels;
}
int64_t lanes_of(const ConvolutionShape& shape, const SpectralGradientPlan& plan) {
  return plan.outs_are_lanes ? shape.out_channels : shape.channels;
}
int64_t tiles_of(const ConvolutionShape& shape, const SpectralGradientPlan& plan) {
  return shape.batch * plan.plane_tiles();
}

SpectralGradientCost gradient_cost(const ConvolutionShape& shape, const SpectralGradientPlan& plan,
                                   const InstructionSetRates& rates) {
  const double tiles = count(tiles_of(shape, plan));
  const double chunks = count(divide_up(tiles_of(shape, plan), plan.chunk_tiles));
  const double points = count(plan.halved.points * plan.full.points);
  const double components = 3 * count(plan.frequencies());
  const int64_t rows = rows_of(shape, plan), vectors = divide_up(lanes_of(shape, plan), rates.lanes);
  const double kernels = count(rows * vectors);
  SpectralGradientCost cost;
  cost.forward = kNanosecond * tiles * count(divide_up(rows, rates.lanes) + vectors) * points * rates.forward_level *
                 binary_logarithm(points);
  const double read =
      2.0 / 3 * kFloat * tiles *
      count(rows * divide_up(vectors, rates.panel_vectors) + vectors * rates.lanes * divide_up(rows, plan.slab_rows));
  cost.product = kNanosecond * components *
                 (kernels * (rates.product_row * tiles + rates.product_slab * chunks) + kNanosecondsPerByte * read);
  cost.taps =
      kNanosecond * chunks * kernels *
      (rates.adjoint_component * components + rates.adjoint_tap * count(shape.kernel) * count(plan.halved.points / 2));
  return cost;
}

/// Spectra of as many tiles as half of the workspace holds beside one panel of lanes, then as many panels as it holds
/// beside these: lanes in groups cost nothing, tiles in chunks cost transforms back. False where it holds no tile.
bool fit_spectra(const ConvolutionShape& shape, SpectralGradientPlan& plan, const InstructionSetRates& rates,
                 int64_t bytes) {
  const int64_t panel = rates.panel_vectors * rates.lanes, lanes = round_up(lanes_of(shape, plan), rates.lanes);
  const int64_t tiles = tiles_of(shape, plan);
  plan.group_lanes = std::min(panel, lanes);
  for (int64_t chunks = 1;; chunks = std::max(chunks + 1, chunks * 9 / 8)) {
    plan.chunk_tiles = divide_up(tiles, std::min(chunks, tiles));
    if (gradient_spectra_bytes(shape, plan, panel) <= bytes) break;
    if (plan.chunk_tiles == 1) return false;
  }
  const int64_t panels = divide_up(lanes, panel);
  for (int64_t groups = 1; groups <= panels; ++groups) {
    plan.group_lanes = std::min(lanes, divide_up(panels, groups) * panel);
    if (gradient_spectra_bytes(shape, plan, panel) <= bytes) return true;
  }
  return false;
}

std::optional<Candidate> with_blocks(const ConvolutionShape& shape, const TileAxis& halved, const TileAxis& full,
                                     bool halved_is_i, const PlanOptions& options, const InstructionSetRates& rates) {
  std::optional<Candidate> best;
  for (bool outs_are_lanes : {true, false}) {
    SpectralGradientPlan plan{};
    plan.halved = halved;
    plan.full = full;
    plan.halved_is_i = halved_is_i;
    plan.outs_are_lanes = outs_are_lanes;
    plan.threads_bytes = options.workspace_bytes / 2;
    const int64_t rows = rows_of(shape, plan);
    const int64_t slabs = std::max<int64_t>(1, (rows + kSlabRows / 2) / kSlabRows);
    plan.slab_rows = round_up(divide_up(rows, slabs), kLine);
    const int64_t panel =
        std::min<int64_t>(rates.panel_vectors * rates.lanes, round_up(lanes_of(shape, plan), rates.lanes));
    if (!fit_spectra(shape, plan, rates, options.workspace_bytes / 2)) continue;
    const int64_t least = gradient_thread_floats(shape, plan, 1, panel, 1, rates.lanes).total() * kFloat;
    if (kThreads * least > plan.threads_bytes) continue;
    const Candidate candidate = {plan, gradient_cost(shape, plan, rates)};
    if (!best || candidate.cost.total() < best->cost.total()) best = candidate;
  }
  return best;
}

std::optional<Candidate> best_tiling(const ConvolutionShape& shape, const PlanOptions& options,
                                     const InstructionSetRates& rates) {
  std::optional<Candidate> best;
  for_each_tiling(shape, kTransformSizes, [&](const TileAxis& halved, const TileAxis& full, bool halved_is_i) {
    const auto candidate = with_blocks(shape, halved, full, halved_is_i, options, rates);
    if (candidate && (!best || candidate->cost.total() < best->cost.total())) best = candidate;
  });
  return best;
}

}  // namespace

int64_t gradient_spectra_bytes(const ConvolutionShape& shape, const SpectralGradientPlan& plan, int64_t panel_lanes) {
  const int64_t components = 2 * plan.frequencies();
  const int64_t slabs = divide_up(rows_of(shape, plan), plan.slab_rows);
  const int64_t panels = divide_up(plan.group_lanes, panel_lanes);
  const int64_t panel = std::min(panel_lanes, plan.group_lanes);
  return components * kFloat *
         (slabs * spread_stride(plan.chunk_tiles * plan.slab_rows) + panels * spread_stride(plan.chunk_tiles * panel));
}

GradientThreadFloats gradient_thread_floats(const ConvolutionShape& shape, const SpectralGradientPlan& plan,
                                            int64_t rows, int64_t panel_lanes, int64_t slab_steps, int64_t lanes) {
  constexpr int64_t kPointsOfStep = 4;
  GradientThreadFloats floats{};
  floats.column = spread_stride(2 * shape.kernel * rows * panel_lanes);
  floats.rows = plan.halved.points / 2 * floats.column;
  floats.slab = round_up(3 * kPointsOfStep * slab_steps * (rows * panel_lanes + lanes), kLine);
  floats.sums = round_up(plan.chunk_tiles * (round_up(rows, lanes) + panel_lanes), kLine);
  floats.scratch = round_up(TileScratch(lanes, plan.halved.points, plan.full.points).floats(), kLine);
  return floats;
}

WeightGradientPlan plan_weight_gradient(const ConvolutionShape& shape, const PlanOptions& options) {
  check_shape(shape);
  const InstructionSetRates& rates = rates_of(options.instruction_set);
  WeightGradientPlan plan{};
  plan.shape = shape;
  plan.algorithm = Algorithm::kDirect;
  plan.direct_seconds = direct_gradient_cost(shape, rates);
  const bool kernel_fits = shape.kernel <= kLargestSpectralKernel;
  const auto best = kernel_fits ? best_tiling(shape, options, rates) : std::nullopt;
  if (!best) {
    if (options.algorithm == kDndSpectral) {
      throw Error(
          kernel_fits ? ErrorCode::kOutOfMemory : ErrorCode::kInvalidArgument,
          "plan: no spectral gradient of a weight is possible: " + why_no_tiling(kernel_fits, options.workspace_bytes));
    }
    return plan;
  }
  plan.spectral = best->plan;
  plan.spectral_cost = best->cost;
  plan.algorithm = cheaper(options.algorithm, best->cost.total(), plan.direct_seconds);
  return plan;
}

double WeightGradientPlan::direct_multiply_adds() const { return dnd::direct_multiply_adds(shape); }

double WeightGradientPlan::executed_multiply_adds() const {
  if (algorithm == Algorithm::kDirect) return direct_multiply_adds();
  const double pairs = count(shape.channels) * count(shape.out_channels), half = count(shape.kernel / 2);
  const double tiles = count(tiles_of(shape, spectral)), frequencies = count(spectral.frequencies());
  const double chunks = count(divide_up(tiles_of(shape, spectral), spectral.chunk_tiles));
  const double columns = count(spectral.halved.points / 2);
  return pairs * (3 * frequencies * tiles + chunks * (frequencies * half + count(shape.kernel) * half * columns));
}

std::vector<PlannedTrainingConvolution> plan_training(const std::vector<Feature>& features, int64_t kernel,
                                                      int64_t batch, const PlanOptions& options) {
  std::vector<PlannedTrainingConvolution> planned;
  const std::vector<LayerStep> steps = steps_of(features, kernel, batch);
  const auto add = [&planned](const LayerStep& step, TrainingPassKind pass, const auto& plan) {
    planned.push_back({step.layer, step.convolution, pass, plan.algorithm, plan.seconds(), plan.direct_multiply_adds(),
                       plan.executed_multiply_adds()});
  };
  for (const LayerStep& step : steps) {
    add(step, TrainingPassKind::kForward, plan_convolution(step.shape, options));
  }
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    ConvolutionShape of_input = step->shape;
    std::swap(of_input.channels, of_input.out_channels);
    add(*step, TrainingPassKind::kInputGradient, plan_convolution(of_input, options));
    add(*step, TrainingPassKind::kWeightGradient, plan_weight_gradient(step->shape, options));
  }
  return planned;
}

}  // namespace dnd
