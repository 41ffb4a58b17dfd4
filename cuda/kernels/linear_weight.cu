#include "core/integers.h"
#include "cuda/kernels/half_scale.h"
#include "cuda/kernels/linear.h"
#include "toolkit/launch.h"

namespace dnd::cuda {
namespace {

constexpr unsigned kWarps = 4;

struct MakeHalfWeight {
  const float* weight;
  int64_t out, in, pitch;
  Half* values;
  float* unscale;
};

/// A warp for each output.
__global__ void __launch_bounds__(kWarps * 32) make_half_weight_kernel(MakeHalfWeight a) {
  const int64_t out = static_cast<int64_t>(block_index().x) * kWarps + thread_index().x / 32;
  if (out >= a.out) return;
  const float* row = a.weight + out * a.in;
  const unsigned lane = lane_index();

  float largest = 0;
  for (int64_t i = lane; i < a.in; i += 32) largest = fmaxf(largest, fabsf(row[i]));
  for (unsigned mask = 16; mask > 0; mask /= 2) largest = fmaxf(largest, warp_shuffle_xor(largest, mask));
  const float scale = half_scale(largest);

  for (int64_t i = lane; i < a.pitch; i += 32) a.values[out * a.pitch + i] = to_half(i < a.in ? row[i] * scale : 0);
  if (lane == 0) a.unscale[out] = inverse_power_of_two(scale);
}

}  // namespace

void make_half_weight(runtime::Stream stream, const float* weight, int64_t out, int64_t in, void* memory) {
  const HalfWeight halves = half_weight(memory, out, in);
  const MakeHalfWeight arguments = {.weight = weight,
                                    .out = out,
                                    .in = in,
                                    .pitch = half_weight_pitch(in),
                                    .values = const_cast<Half*>(halves.values),
                                    .unscale = const_cast<float*>(halves.unscale)};
  launch(stream, "make_half_weight", make_half_weight_kernel, {static_cast<unsigned>(divide_up(out, kWarps)), 1, 1},
         kWarps * 32, 0, arguments);
}

}  // namespace dnd::cuda
