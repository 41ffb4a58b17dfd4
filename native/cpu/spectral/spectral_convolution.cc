#include "cpu/spectral/spectral_convolution.h"

#include <algorithm>
#include <vector>

#include "core/range.h"
#include "cpu/spectral/frequency_order.h"
#include "cpu/spectral/plane_tiles.h"
#include "cpu/spectral/spectral_operands.h"
#include "cpu/spectral/spectral_profile.h"
#include "cpu/spectral/tap_twiddles.h"
#include "plan/spectral_cost.h"

namespace dnd::cpu {
namespace {

/// `Spectra`: what its products multiply, of spectral_operands.h.
template <typename Spectra>
class SpectralConvolution {
 public:
  using Element = typename Spectra::Element;

  SpectralConvolution(const SpectralKernels& kernels, const Spectra& spectra, const Geometry& geometry, WeightOrder weight_order,
                      DndEpilogue epilogue, const SpectralPlan& plan, const SpectralLayout& layout,
                      const DndConvolutionOperands& operands)
      : isa_(kernels),
        spectra_(spectra),
        g_(geometry),
        weight_order_(weight_order),
        epilogue_(epilogue),
        plan_(plan),
        layout_(layout),
        operands_(operands),
        tiles_(geometry, plan.halved, plan.full, plan.halved_is_i),
        order_(frequency_order(plan.halved.points, plan.full.points)),
        halved_twiddles_(plan.halved.points, geometry.half()),
        full_twiddles_(plan.full.points, geometry.half()),
        work_(direct_multiply_adds(shape_of(geometry))),
        half_(geometry.half()) {}

  int64_t tiles() const { return tiles_.count(); }

  /// Spectra of one tile for one slab of channels; `place` is the tile's among the chunk's. `own`: as of `multiply`.
  void transform(int64_t tile, int64_t place, int64_t slab, Element* spectra, float* own) const {
    const float scale = static_cast<float>(1.0 / static_cast<double>(tiles_.points()));
    const int64_t end = std::min(g_.channels, (slab + 1) * plan_.slab_channels);
    for (int64_t channel = slab * plan_.slab_channels; channel < end; channel += isa_.lanes) {
      const TileView<const float> view = tiles_.input(operands_.x, tile, channel, std::min(isa_.lanes, end - channel));
      const TileNorm norm = tiles_.norm(operands_.norm_weight, operands_.norm_bias, operands_.mean_rstd, tile, channel);
      Element* to = spectra + slab * layout_.slab_stride + place * plan_.tile_elements() +
                    Spectra::elements(channel % plan_.slab_channels);
      spectra_.transform({view, norm, {scale}}, order_, to, layout_.tile_component_stride, own,
                         own + layout_.between_floats);
    }
  }

  /// One block of output channels for some tiles of a chunk. `scratch`: layout.thread_floats() floats.
  void multiply(const Control& control, const Element* spectra, int64_t out_block, Range chunk, Range places,
                float* scratch, SpectralProfile& profile) const {
    const int64_t vectors = divide_up(g_.out_channels, isa_.lanes);
    const Range block = part(vectors, layout_.out_blocks, out_block);
    const Task task = make_task(block, places, scratch);
    const double share = work_ * static_cast<double>(places.size()) / static_cast<double>(tiles()) *
                         static_cast<double>(task.outs.size()) / static_cast<double>(g_.out_channels) /
                         static_cast<double>(g_.channels);
    for (int64_t begin = 0; begin < g_.channels; begin += plan_.slab_channels) {
      const Range channels = {begin, std::min(g_.channels, begin + plan_.slab_channels)};
      accumulate(control, spectra, task, channels, profile);
      control.advance(share * static_cast<double>(channels.size()));
    }
    const PartTimer timer(profile, kDndInversePart);
    for (int64_t place = places.begin; place < places.end; ++place) {
      if (place % 16 == 0) control.throw_if_cancelled();
      inverse_transform(task, chunk.begin + place, place - places.begin);
    }
  }

 private:
  struct Task {
    Range outs, places;
    int64_t vectors;
    int64_t component_stride;  ///< of the product's spectra [point][component][tile][output channel]
    int64_t column_stride;     ///< of the half-transformed weights
    int64_t ahead;             ///< from a tile's spectra to those that are prefetched meanwhile
    float *product, *rows;
    Element* slab;
    float *between, *scratch;
    int64_t width(const SpectralKernels& isa) const { return vectors * isa.lanes; }
  };

  Task make_task(Range block, Range places, float* scratch) const {
    Task task{};
    task.outs = {block.begin * isa_.lanes, std::min(g_.out_channels, block.end * isa_.lanes)};
    task.places = places;
    task.vectors = block.size();
    task.component_stride = spread_stride(places.size() * task.width(isa_));
    task.product = scratch;
    task.column_stride = layout_.column_floats;
    // The next component's tiles follow at once, unless they belong to another task.
    constexpr int64_t kTilesAhead = 48;
    const bool all = layout_.tile_parts == 1;
    task.ahead = all ? kTilesAhead * plan_.tile_elements() : layout_.tile_component_stride;
    task.rows = task.product + layout_.product_floats;
    float* const slab = task.rows + order_.columns() * layout_.column_floats;
    task.slab = reinterpret_cast<Element*>(slab);
    task.between = slab + layout_.slab_floats;
    task.scratch = task.between + layout_.between_floats;
    return task;
  }

  /// product (+)= tile spectra · weight spectra of a slab of input channels, column after column of the spectrum.
  void accumulate(const Control& control, const Element* spectra, const Task& task, Range channels,
                  SpectralProfile& profile) const {
    control.throw_if_cancelled();
    halve(task, channels, profile);
    for (int64_t column = 0; column < order_.columns(); ++column) {
      multiply_column(control, spectra, task, channels, column, profile);
    }
  }

  /// Half-transformed weights of a slab of input channels, [column][panel][channel][vector of the panel].
  void halve(const Task& task, Range channels, SpectralProfile& profile) const {
    const PartTimer timer(profile, kDndHalvePart);
    const int64_t kernel_floats = 2 * g_.kernel * isa_.lanes;
    float* rows = task.rows;
    for (int64_t panel = 0; panel < task.vectors; panel += isa_.panel_vectors) {
      const int64_t breadth = std::min(isa_.panel_vectors, task.vectors - panel);
      for (int64_t v = 0; v < breadth; ++v) {
        const int64_t out = task.outs.begin + (panel + v) * isa_.lanes;
        const TapView view = taps_at(out, std::min(isa_.lanes, task.outs.end - out), channels.begin);
        isa_.halve[half_](view, channels.size(), halved_twiddles_.all(), order_.columns(), rows + v * kernel_floats,
                          task.column_stride, breadth * kernel_floats);
      }
      rows += channels.size() * breadth * kernel_floats;
    }
  }

  TapView taps_at(int64_t out, int64_t outs, int64_t channel) const {
    const int64_t taps = g_.kernel * g_.kernel;
    const DndWeightType type = operands_.weight_type;
    const auto at = [&](int64_t kernel) {
      const int64_t bytes = type == kDndFloat32Weight ? 4 : 2;
      return static_cast<const char*>(operands_.weight) + kernel * taps * bytes;
    };
    if (weight_order_ == WeightOrder::kTransposed) {
      const void* first = at(channel * g_.out_channels + out);
      return {first, type, taps, outs, g_.out_channels * taps, -tiles_.halved_tap(), -tiles_.full_tap()};
    }
    return {at(out * g_.channels + channel), type, g_.channels * taps, outs, taps, tiles_.halved_tap(), tiles_.full_tap()};
  }

  void multiply_column(const Control& control, const Element* spectra, const Task& task, Range channels, int64_t column,
                       SpectralProfile& profile) const {
    const int64_t full_points = plan_.full.points, steps = plan_.steps();
    const bool symmetric = column == 0;
    const int64_t depth = channels.size();
    // An odd number of vectors: not all in one cache set.
    const int64_t slab_stride = (Spectra::elements(depth) * task.vectors | 1) * isa_.lanes;
    const Element* slab_spectra =
        spectra + channels.begin / plan_.slab_channels * layout_.slab_stride + task.places.begin * plan_.tile_elements();
    int64_t point = order_.column_begin(column);
    for (int64_t step = 0; step < steps; step += plan_.slab_steps) {
      control.throw_if_cancelled();
      const int64_t end = std::min(steps, step + plan_.slab_steps);
      const int64_t points = points_of_steps(full_points, symmetric, step, end);
      {
        const PartTimer timer(profile, kDndColumnsPart);
        spectra_.columns(half_, task.rows + column * task.column_stride, depth, task.vectors, full_twiddles_.all(),
                         {full_points, symmetric, step, end}, task.slab, slab_stride);
      }
      const PartTimer timer(profile, kDndProductPart);
      for (int64_t i = 0; i < points; ++i, ++point) {
        spectra_.multiply(
            {.tiles = slab_spectra + plan_.tile_components() * point * layout_.tile_component_stride,
             .tile_component_stride = layout_.tile_component_stride,
             .tile_stride = plan_.tile_elements(),
             .count = task.places.size(),
             .ahead = task.ahead,
             .weights = task.slab + 3 * i * slab_stride,
             .weight_component_stride = slab_stride,
             .product = task.product + 3 * point * task.component_stride,
             .product_component_stride = task.component_stride,
             .depth = depth,
             .vectors = task.vectors,
             .accumulate = channels.begin > 0},
            task.between);
      }
    }
  }

  /// Output of one tile; `place` is the tile's among the task's.
  void inverse_transform(const Task& task, int64_t tile, int64_t place) const {
    for (int64_t v = 0; v < task.vectors; ++v) {
      const int64_t out = task.outs.begin + v * isa_.lanes;
      const int64_t offset = tiles_.output_offset(tile, out);
      const TileView<float> view = tiles_.output(operands_.y, tile, out, std::min(isa_.lanes, task.outs.end - out));
      TileEpilogue epilogue = {epilogue_, nullptr, nullptr, tiles_.halved_bias(), tiles_.full_bias()};
      if (operands_.addend != nullptr) epilogue.addend = operands_.addend + offset;
      if (operands_.bias != nullptr) epilogue.bias = operands_.bias + tiles_.bias_offset(tile) + out;
      isa_.inverse({task.product + place * task.width(isa_) + v * isa_.lanes, task.component_stride}, order_, view,
                   epilogue, task.scratch);
    }
  }

  const SpectralKernels& isa_;
  const Spectra spectra_;
  const Geometry& g_;
  const WeightOrder weight_order_;
  const DndEpilogue epilogue_;
  const SpectralPlan& plan_;
  const SpectralLayout& layout_;
  const DndConvolutionOperands& operands_;
  const PlaneTiles tiles_;
  const FrequencyOrder order_;
  const TwiddleTable halved_twiddles_, full_twiddles_;
  const double work_;
  const int64_t half_;
};

template <typename Spectra>
void convolve(ThreadPool& pool, const Control& control, const SpectralConvolution<Spectra>& convolution,
              const SpectralLayout& layout, const DndConvolutionOperands& operands) {
  float* const workspace = static_cast<float*>(operands.workspace);
  auto* const spectra = reinterpret_cast<typename Spectra::Element*>(workspace);
  float* const own = workspace + layout.spectra_floats();
  std::vector<SpectralProfile> profiles(pool.threads(), {.wanted = operands.part_seconds != nullptr});
  for (int64_t begin = 0; begin < convolution.tiles(); begin += layout.chunk_tiles) {
    const Range chunk = {begin, std::min(convolution.tiles(), begin + layout.chunk_tiles)};
    pool.parallel_for(chunk.size() * layout.slabs, [&](int64_t task, int thread) {
      control.throw_if_cancelled();
      const PartTimer timer(profiles[thread], kDndForwardPart);
      const int64_t place = task / layout.slabs;
      convolution.transform(chunk.begin + place, place, task % layout.slabs, spectra,
                            own + thread * layout.thread_floats());
    });
    const int64_t parts = std::min(layout.tile_parts, chunk.size()), blocks = layout.out_blocks;
    pool.parallel_for(parts * blocks, [&](int64_t task, int thread) {
      convolution.multiply(control, spectra, task % blocks, chunk, part(chunk.size(), parts, task / blocks),
                           own + thread * layout.thread_floats(), profiles[thread]);
    });
  }
  if (operands.part_seconds == nullptr) return;
  for (const SpectralProfile& profile : profiles) {
    for (int i = 0; i < kDndConvolutionParts; ++i) operands.part_seconds[i] += profile.seconds[i];
  }
}

}  // namespace

void convolve_spectral(ThreadPool& pool, const Control& control, const SpectralKernels& kernels,
                       const Geometry& geometry, WeightOrder weight_order, DndEpilogue epilogue,
                       const SpectralPlan& plan, const SpectralLayout& layout, const DndConvolutionOperands& operands,
                       const Bfloat16SpectralKernels* bfloat16) {
  const auto with = [&]<typename Spectra>(const Spectra& spectra) {
    convolve(pool, control,
             SpectralConvolution<Spectra>(kernels, spectra, geometry, weight_order, epilogue, plan, layout, operands),
             layout, operands);
  };
  if (plan.channels_of_element == 1) {
    with(Float32Spectra(kernels));
  } else {
    with(Bfloat16Spectra(kernels, *bfloat16));
  }
}

}  // namespace dnd::cpu
