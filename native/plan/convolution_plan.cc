#include "plan/convolution_plan.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "core/status.h"
#include "plan/plan_text.h"
#include "plan/tilings.h"
#include "plan/transform_sizes.h"

namespace dnd {
namespace {

constexpr int64_t kLine = 16;       ///< floats of a cache line
constexpr int64_t kBlockOuts = 64;  ///< output channels that share a pass over the tile spectra
constexpr int64_t kThreads =
    4;  ///< whose memory half of the workspace holds at least; more need more under a tight limit
constexpr int64_t kSlabBytes = int64_t{640} << 10;  ///< with the half-transformed weights, a core's own cache
/// Input channels of a slab: few for few tiles, where the weights' transform counts, more for many, where reading and
/// writing the product's sums does.
constexpr int64_t kSlabChannels[] = {32, 64};

struct Candidate {
  SpectralPlan plan;
  SpectralCost cost;
};

bool better(const std::optional<Candidate>& than, const Candidate& candidate) {
  return !than.has_value() || candidate.cost.total() < than->cost.total();
}

/// The best candidate, and the best of each class that differs from it in one way.
struct Survey {
  std::vector<Candidate> candidates;
  int64_t too_large = 0;  ///< candidates of which one tile exceeds the budget

  const Candidate* best(auto filter) const {
    const Candidate* found = nullptr;
    for (const Candidate& candidate : candidates) {
      if (filter(candidate) && (found == nullptr || candidate.cost.total() < found->cost.total())) found = &candidate;
    }
    return found;
  }
};

/// As many output channels at a time as the threads' memory allows; false when it allows none.
bool fit_threads(const ConvolutionShape& shape, SpectralPlan& plan, int64_t lanes) {
  for (int64_t outs = std::min(kBlockOuts, round_up(shape.out_channels, lanes)); outs >= lanes;
       outs = outs / 2 / lanes * lanes) {
    plan.block_outs = outs;
    const int64_t step_bytes = 4 * 3 * plan.tile_elements() * outs * static_cast<int64_t>(sizeof(float));
    plan.slab_steps = std::clamp<int64_t>(kSlabBytes / step_bytes, 1, plan.steps());
    if (kThreads * least_thread_bytes(shape, plan, lanes) <= plan.threads_bytes) return true;
  }
  return false;
}

/// The cheapest blocks for two tiled axes; nothing when one tile alone exceeds the budget.
std::optional<Candidate> with_blocks(const ConvolutionShape& shape, const TileAxis& halved, const TileAxis& full,
                                     bool halved_is_i, const PlanOptions& options, const InstructionSetRates& rates) {
  std::optional<Candidate> best;
  for (const int64_t channels : kSlabChannels) {
    SpectralPlan plan{};
    plan.halved = halved;
    plan.full = full;
    plan.halved_is_i = halved_is_i;
    plan.channels_of_element = rates.channels_of_element;
    plan.threads_bytes = options.workspace_bytes / 2;
    const int64_t slabs = std::max<int64_t>(1, (shape.channels + channels / 2) / channels);
    plan.slab_channels = round_up(divide_up(shape.channels, slabs), kLine);
    plan.chunk_tiles = 1;
    const int64_t most = plan.threads_bytes / tile_spectra_bytes(shape, plan);
    if (most < 1 || !fit_threads(shape, plan, rates.lanes)) continue;
    const int64_t tiles = shape.batch * plan.plane_tiles();
    plan.chunk_tiles = divide_up(tiles, divide_up(tiles, most));
    // The padding between components does not grow evenly with the tiles.
    while (tile_spectra_bytes(shape, plan) > plan.threads_bytes) --plan.chunk_tiles;
    const Candidate candidate = {plan, spectral_cost(shape, plan, rates)};
    if (better(best, candidate)) best = candidate;
  }
  return best;
}

Survey survey(const ConvolutionShape& shape, const PlanOptions& options, const InstructionSetRates& rates) {
  Survey result;
  for_each_tiling(shape, kTransformSizes, [&](const TileAxis& halved, const TileAxis& full, bool halved_is_i) {
    if (auto candidate = with_blocks(shape, halved, full, halved_is_i, options, rates)) {
      result.candidates.push_back(*candidate);
    } else {
      ++result.too_large;
    }
  });
  return result;
}

std::string describe(const SpectralPlan& plan) {
  return plan_text("spectral, %lld x %lld points, axis %s halved", static_cast<long long>(plan.halved.points),
                   static_cast<long long>(plan.full.points), plan.halved_is_i ? "i" : "j");
}

void reject(std::vector<RejectedCandidate>& rejected, const std::string& what, double seconds, double taken) {
  rejected.push_back({what, plan_text("predicted %.3g s, %.3g s more", seconds, seconds - taken)});
}

void explain(ConvolutionPlan& plan, const Survey& found, const PlanOptions& options) {
  const SpectralPlan& taken = plan.spectral;
  if (plan.algorithm == Algorithm::kDirect) {
    if (options.algorithm == kDndDirect) {
      plan.rejected.push_back({describe(taken), "the direct algorithm was requested"});
    } else {
      reject(plan.rejected, describe(taken), plan.spectral_cost.total(), plan.direct_seconds);
    }
    return;
  }
  const double seconds = plan.spectral_cost.total();
  if (options.algorithm == kDndSpectral) {
    plan.rejected.push_back({"direct", "the spectral algorithm was requested"});
  } else {
    reject(plan.rejected, "direct", plan.direct_seconds, seconds);
  }
  const int64_t points = taken.halved.points * taken.full.points;
  const auto points_of = [](const Candidate& c) { return c.plan.halved.points * c.plan.full.points; };
  const Candidate* const alternatives[] = {
      found.best([&](const Candidate& c) { return points_of(c) < points; }),
      found.best([&](const Candidate& c) { return points_of(c) > points; }),
      found.best([&](const Candidate& c) { return c.plan.halved_is_i != taken.halved_is_i; })};
  const char* const names[] = {"smaller tiles: ", "larger tiles: ", "the other axis halved: "};
  for (int i = 0; i < 3; ++i) {
    if (alternatives[i] == nullptr) continue;
    reject(plan.rejected, names[i] + describe(alternatives[i]->plan), alternatives[i]->cost.total(), seconds);
  }
  if (found.too_large > 0) {
    plan.rejected.push_back({plan_text("%lld larger tilings", static_cast<long long>(found.too_large)),
                             why_no_tiling(true, options.workspace_bytes)});
  }
}

}  // namespace

void check_shape(const ConvolutionShape& shape) {
  const auto positive = [](int64_t size, const char* what) {
    if (size < 1) {
      throw Error(ErrorCode::kInvalidArgument,
                  "plan: " + std::string(what) + " is " + std::to_string(size) + "; it must be at least 1");
    }
  };
  positive(shape.batch, "the batch");
  positive(shape.channels, "the number of channels");
  positive(shape.out_channels, "the number of output channels");
  positive(shape.size_i, "the first spatial axis");
  positive(shape.size_j, "the second spatial axis");
  if (shape.kernel < 1 || shape.kernel % 2 == 0) {
    throw Error(ErrorCode::kInvalidArgument,
                "plan: the kernel size is " + std::to_string(shape.kernel) + "; it must be odd and positive");
  }
}

Algorithm cheaper(DndAlgorithm wanted, double spectral_seconds, double direct_seconds) {
  const bool spectral = wanted == kDndSpectral || (wanted == kDndAuto && spectral_seconds < direct_seconds);
  return spectral ? Algorithm::kSpectral : Algorithm::kDirect;
}

ConvolutionPlan plan_convolution(const ConvolutionShape& shape, const PlanOptions& options) {
  check_shape(shape);
  const InstructionSetRates& rates = rates_of(options.instruction_set);
  ConvolutionPlan plan{};
  plan.shape = shape;
  plan.algorithm = Algorithm::kDirect;
  plan.direct_seconds = direct_cost(shape, rates);
  const bool kernel_fits = shape.kernel <= kLargestSpectralKernel;
  const Survey found = kernel_fits ? survey(shape, options, rates) : Survey{};
  const Candidate* best = found.best([](const Candidate&) { return true; });
  if (best == nullptr) {
    const std::string reason = why_no_tiling(kernel_fits, options.workspace_bytes);
    if (options.algorithm == kDndSpectral) {
      throw Error(kernel_fits ? ErrorCode::kOutOfMemory : ErrorCode::kInvalidArgument,
                  "plan: no spectral convolution is possible: " + reason);
    }
    plan.rejected.push_back({"spectral", reason});
    return plan;
  }
  plan.spectral = best->plan;
  plan.spectral_cost = best->cost;
  plan.algorithm = cheaper(options.algorithm, best->cost.total(), plan.direct_seconds);
  explain(plan, found, options);
  return plan;
}

double ConvolutionPlan::executed_multiply_adds() const {
  return algorithm == Algorithm::kDirect ? direct_multiply_adds() : spectral_multiply_adds(shape, spectral);
}

double ConvolutionPlan::direct_multiply_adds() const { return dnd::direct_multiply_adds(shape); }

int64_t ConvolutionPlan::tile_spectra_bytes() const {
  return algorithm == Algorithm::kDirect ? 0 : dnd::tile_spectra_bytes(shape, spectral);
}

}  // namespace dnd
