#include "cpu/training_backend.h"

#include "cpu/convolution/weight_gradient.h"
#include "cpu/device.h"
#include "cpu/training/operations.h"
#include "guarded.h"

/// Each entry unpacks the device, runs the operation and turns exceptions into statuses.
namespace dnd::cpu {
namespace {

Device& own(void* device) { return *static_cast<Device*>(device); }
ThreadPool& pool_of(void* device) { return own(device).pool; }

DndStatus gradient_workspace(void* device, const DndConvolution* convolution, int64_t* bytes, int64_t* sufficient) {
  return guarded([&] { *bytes = weight_gradient_workspace(own(device).gradient_choices, *convolution, sufficient); });
}

DndStatus gradient(void* device, const DndControl* control, const DndConvolution* convolution,
                   const DndWeightGradientOperands* operands) {
  return guarded([&] {
    weight_gradient(pool_of(device), Control(control), own(device).gradient_choices, *convolution, *operands);
  });
}

DndStatus merge(void* device, const DndControl* control, const float* a, float* p, const float* bias, int64_t rows,
                int64_t columns, float* s) {
  return guarded([&] { merge_paths_keeping(pool_of(device), Control(control), a, p, bias, rows, columns, s); });
}

DndStatus split(void* device, const DndControl* control, const float* ds, const float* t, int64_t elements, float* da,
                float* dp) {
  return guarded([&] { split_paths(pool_of(device), Control(control), ds, t, elements, da, dp); });
}

DndStatus rows_sum(void* device, const DndControl* control, const float* x, int64_t rows, int64_t columns,
                   int32_t accumulate, float* sums) {
  return guarded([&] { sum_rows(pool_of(device), Control(control), x, rows, columns, accumulate != 0, sums); });
}

DndStatus tokens_sum(void* device, const DndControl* control, const float* x, int64_t batch, int64_t tokens,
                     int64_t elements, int32_t accumulate, float* sums) {
  return guarded(
      [&] { sum_tokens(pool_of(device), Control(control), x, batch, tokens, elements, accumulate != 0, sums); });
}

DndStatus norm(void* device, const DndControl* control, const float* x, const float* mean_rstd, const float* weight,
               const float* dy, const float* addend, int64_t rows, int64_t columns, int32_t accumulate, float* dx,
               float* dweight, float* dbias) {
  return guarded([&] {
    layer_norm_gradient(pool_of(device), Control(control), x, mean_rstd, weight, dy, addend, rows, columns,
                        accumulate != 0, dx, dweight, dbias);
  });
}

DndStatus linear(void* device, const DndControl* control, const float* x, const float* dy, int64_t rows, int64_t in,
                 int64_t out, const float* weight, int32_t accumulate, float* dx, float* dweight, float* dbias) {
  return guarded([&] {
    linear_gradient(pool_of(device), Control(control), x, dy, rows, in, out, weight, accumulate != 0, dx, dweight,
                    dbias);
  });
}

DndStatus loss(void* device, const DndControl* control, const float* y, const float* target, const float* importance,
               int64_t batch, int64_t tokens, int64_t elements, double weight, float* dy, DndTokenSums* sums) {
  return guarded([&] {
    token_loss(pool_of(device), Control(control), y, target, importance, batch, tokens, elements, weight, dy, sums);
  });
}

DndStatus sum(void* device, const DndControl* control, const float* x, int64_t elements, float* y) {
  return guarded([&] { add(pool_of(device), Control(control), x, elements, y); });
}

DndStatus noise(void* device, const DndControl* control, const DndNoise* noise, int64_t elements, float* x) {
  return guarded([&] { add_noise(pool_of(device), Control(control), *noise, elements, x); });
}

DndStatus squares(void* device, const DndControl* control, const float* x, int64_t elements, double* sum) {
  return guarded([&] { *sum = sum_squares(pool_of(device), Control(control), x, elements); });
}

DndStatus step(void* device, const DndControl* control, const DndAdamW* options, const float* gradient,
               int64_t elements, float* parameter, float* first, float* second) {
  return guarded(
      [&] { adamw(pool_of(device), Control(control), *options, gradient, elements, parameter, first, second); });
}

DndStatus quantised_step(void* device, const DndControl* control, const DndAdamW* options, const float* gradient,
                         int64_t elements, float* parameter, const DndQuantisedMoments* moments) {
  return guarded(
      [&] { adamw_quantised(pool_of(device), Control(control), *options, gradient, elements, parameter, *moments); });
}

}  // namespace

constexpr DndTrainingOperations kTraining = {
    .weight_gradient_workspace = gradient_workspace,
    .weight_gradient = gradient,
    .merge_paths = merge,
    .split_paths = split,
    .sum_rows = rows_sum,
    .sum_tokens = tokens_sum,
    .layer_norm_gradient = norm,
    .linear_gradient = linear,
    .token_loss = loss,
    .add = sum,
    .add_noise = noise,
    .sum_squares = squares,
    .adamw = step,
    .adamw_quantised = quantised_step,
};

}  // namespace dnd::cpu
