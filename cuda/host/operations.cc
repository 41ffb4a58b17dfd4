#include "cuda/host/operations.h"

#include "cuda/host/device.h"
#include "cuda/kernels/attention.h"
#include "cuda/kernels/embed.h"
#include "cuda/kernels/layer_norm.h"
#include "cuda/kernels/linear.h"
#include "cuda/kernels/pooling.h"
#include "cuda/kernels/restore.h"
#include "plan/adapter_layout.h"

namespace dnd::cuda {
namespace {

/// Of operations that do little else than read and write so many floats.
double seconds_of_floats(const Device& device, int64_t floats) {
  return kCudaLaunchSeconds + static_cast<double>(floats) * sizeof(float) / device.rates.attainable_bytes_per_second();
}

double seconds_of_products(const Device& device, double multiply_adds) {
  return 2 * multiply_adds /
         (device.precision == kDndMixed ? device.rates.attainable_half_flop_per_second()
                                        : device.rates.attainable_float_flop_per_second());
}

}  // namespace

void layer_norm(Device& device, const Control& control, const float* x, int64_t rows, int64_t columns,
                const float* weight, const float* bias, float eps, float* y) {
  const LayerNormArguments arguments = {.x = x,
                                        .rows = rows,
                                        .columns = columns,
                                        .weight = device.resident.values(weight, columns, "the weight of a LayerNorm"),
                                        .bias = device.resident.values(bias, columns, "the bias of a LayerNorm"),
                                        .eps = eps,
                                        .y = y};
  device.queue.launch(control, seconds_of_floats(device, 2 * rows * columns), 0,
                      [&](runtime::Stream stream) { launch_layer_norm(stream, arguments); });
}

void norm_statistics(Device& device, const Control& control, const float* x, int64_t rows, int64_t columns, float eps,
                     float* mean_rstd) {
  const NormStatisticsArguments arguments = {
      .x = x, .rows = rows, .columns = columns, .eps = eps, .mean_rstd = mean_rstd};
  device.queue.launch(control, seconds_of_floats(device, rows * columns), 0,
                      [&](runtime::Stream stream) { launch_norm_statistics(stream, arguments); });
}

void linear(Device& device, const Control& control, const float* x, int64_t rows, int64_t in, const float* weight,
            const float* bias, int64_t out, DndActivation activation, const float* residual, float* y) {
  const ResidentParameters::Linear& resident = device.resident.linear(weight, out, in);
  const LinearLayer layer = {.x = x,
                             .rows = rows,
                             .in = static_cast<int>(in),
                             .out = static_cast<int>(out),
                             .bias = device.resident.values(bias, out, "the bias of a linear layer"),
                             .activation = activation,
                             .residual = residual,
                             .y = y};
  if (rows == 0) return;
  const double multiply_adds = static_cast<double>(rows) * static_cast<double>(in) * static_cast<double>(out);
  const double seconds = seconds_of_floats(device, rows * (in + out)) + seconds_of_products(device, multiply_adds);
  device.queue.launch(control, seconds, multiply_adds, [&](runtime::Stream stream) {
    if (device.precision == kDndMixed) {
      linear_mma(stream, layer, half_weight(resident.weight.data(), out, in));
    } else {
      linear_fp32(stream, layer, resident.weight.as<const float>());
    }
  });
}

void embed(Device& device, const Control& control, const int32_t* ids, const int32_t* positions, int64_t rows,
           const float* word, const float* position, const float* type, int64_t columns, float* y) {
  // The caller guarantees that ids are within the tables: they are on the device.
  const EmbedArguments arguments = {.ids = ids,
                                    .positions = positions,
                                    .rows = rows,
                                    .word = device.resident.values(word, columns, "the table of words"),
                                    .position = device.resident.values(position, columns, "the table of positions"),
                                    .type = device.resident.values(type, columns, "the table of types"),
                                    .columns = columns,
                                    .y = y};
  device.queue.launch(control, seconds_of_floats(device, 4 * rows * columns), 0,
                      [&](runtime::Stream stream) { launch_embed(stream, arguments); });
}

void attention(Device& device, const Control& control, const float* qkv, const int32_t* mask, const int64_t* offsets,
               int64_t sequences, int64_t longest, int64_t heads, int64_t head_width, float* y) {
  const AttentionArguments arguments = {.qkv = qkv,
                                        .mask = mask,
                                        .offsets = offsets,
                                        .sequences = sequences,
                                        .longest = longest,
                                        .heads = heads,
                                        .head_width = head_width,
                                        .y = y};
  // The lengths are on the device: as if all were as long as the longest.
  const double multiply_adds = 2.0 * static_cast<double>(sequences * heads * head_width) *
                               static_cast<double>(longest) * static_cast<double>(longest);
  const double seconds = seconds_of_floats(device, 4 * sequences * longest * heads * head_width) +
                         seconds_of_products(device, multiply_adds);
  device.queue.launch(control, seconds, multiply_adds,
                      [&](runtime::Stream stream) { launch_attention(stream, device.precision, arguments); });
}

void mean_pool(Device& device, const Control& control, const float* x, const int32_t* mask, const int64_t* offsets,
               int64_t sequences, int64_t columns, float* y) {
  const MeanPoolArguments arguments = {
      .x = x, .mask = mask, .offsets = offsets, .sequences = sequences, .columns = columns, .y = y};
  device.queue.launch(control, seconds_of_floats(device, sequences * columns), 0,
                      [&](runtime::Stream stream) { launch_mean_pool(stream, arguments); });
}

void reconstruct(Device& device, const Control& control, const float* tokens, int64_t batch,
                 const DndAdapterLayout& layout, float* adapters) {
  check_adapter_layout(layout);
  const RestoreArguments arguments = {.tokens = tokens,
                                      .batch = batch,
                                      .token_count = layout.tokens,
                                      .height = layout.height,
                                      .width = layout.width,
                                      .rank = layout.rank,
                                      .chunk = layout.chunk,
                                      .elements = layout.elements,
                                      .tensors = device.layouts.tensors_of(layout),
                                      .tensor_count = layout.tensor_count,
                                      .adapters = adapters};
  const int64_t floats = batch * (layout.tokens * layout.height * layout.width + layout.elements);
  device.queue.launch(control, seconds_of_floats(device, floats), 0,
                      [&](runtime::Stream stream) { launch_restore(stream, arguments); });
}

}  // namespace dnd::cuda
