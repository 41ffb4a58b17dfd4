#include "model/decoder.h"

#include <algorithm>
#include <utility>

#include "core/status.h"
#include "model/decoder_pass.h"
#include "model/initialise.h"
#include "plan/adapter_layout.h"
#include "plan/decoder_plan.h"

namespace dnd {
namespace {

constexpr int64_t kFloat = sizeof(float);

/// Kinds of passes, the first part of their keys.
constexpr int64_t kForwardPass = 1, kAdaptersPass = 2, kProjectPass = 3;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

/// Bytes of a convolution's weight [out_channels, in_channels, k, k].
int64_t weight_bytes(const DndConvolution& c) {
  const int64_t channels = c.axis == kDndWidth ? c.width : c.axis == kDndHeight ? c.height : c.tokens;
  return c.out_channels * channels * c.kernel_size * c.kernel_size * kFloat;
}

}  // namespace

Decoder::Decoder(DecoderConfig config, const DeviceChoice& device, MappedParameters mapped)
    : threads_(device.options.threads), model_(std::move(config), device, std::move(mapped)) {}

void Decoder::initialise(uint64_t seed, Job& job) { initialise_decoder(model_.parameters(), seed, threads_, job); }

void Decoder::initial_values(uint64_t seed, const std::string& name, int64_t begin, int64_t count, float* values,
                             Job& job) const {
  initial_decoder_values(store(), seed, store().index_of(name), begin, count, threads_, job, values);
}

void Decoder::upload_parameters(int64_t batch, int64_t limit, int64_t reserved_bytes, Job& job) {
  const DndControl control = cancel_only(job);
  const Device& device = model_.device();
  model_.upload_values();
  // A weight may be resident in a larger form (spectra) only if at least the taps of all later ones still fit.
  int64_t later = convolution_weight_bytes();
  for (const DecoderLayer& layer : model_.layers()) {
    const std::vector<DndConvolution> steps = convolutions(layer, batch, limit);
    const std::vector<StoredValues> weights = convolution_weights(layer);
    for (size_t i = 0; i < steps.size(); ++i) {
      later -= weight_bytes(steps[i]);
      device.call(device->upload_convolution, &control, &steps[i], weights[i].data, reserved_bytes + later);
    }
  }
}

int64_t Decoder::convolution_weight_bytes() const {
  int64_t bytes = 0;
  for (const DecoderLayer& layer : model_.layers()) {
    for (const DndConvolution& step : convolutions(layer, 1, 0)) bytes += weight_bytes(step);
  }
  return bytes;
}

void Decoder::prepare(Job& job) {
  model_.invalidate_stale();
  const int64_t limit = convolution_limit(1, kNoLimit, 0);
  upload_parameters(1, limit, pass_bytes(1, limit, 0), job);
  job.set_progress(1);
}

int64_t Decoder::smaller_workspace(int64_t batch, int64_t limit) const {
  const int64_t half = convolution_workspace(batch, limit) / 2;
  return std::max(half, convolution_workspace(batch, half));
}

void Decoder::run(const float* condition, int64_t batch, const DndAdapterLayout* layout, float* const* results,
                  Job& job, int64_t max_bytes) {
  model_.check_batch(batch);
  const int64_t adapter_elements = layout != nullptr ? layout->elements : 0;
  int64_t limit = convolution_limit(batch, max_bytes, adapter_elements);
  if (convolution_workspace(batch, limit) > limit) {
    throw Error(ErrorCode::kOutOfMemory, "a forward pass over a batch of " + std::to_string(batch) + " needs " +
                                             std::to_string(workspace_bytes(batch, max_bytes, adapter_elements)) +
                                             " bytes of workspace, and " + std::to_string(max_bytes) + " are allowed");
  }
  const JobControl control(job, multiply_adds(batch));
  model_.invalidate_stale();
  for (bool invalidated = false;;) {
    try {
      upload_parameters(batch, limit, pass_bytes(batch, limit, adapter_elements), job);
      run_pass(condition, batch, layout, results, limit, control.get());
      break;
    } catch (const Error& error) {
      // Available host memory must not change a plan, and with it the result.
      if (error.code() != ErrorCode::kOutOfMemory || in_host_memory()) throw;
      const int64_t less = smaller_workspace(batch, limit);
      if (less < convolution_workspace(batch, limit)) {
        limit = less;
        continue;
      }
      if (invalidated) {
        throw Error(ErrorCode::kOutOfMemory,
                    "a forward pass over a batch of " + std::to_string(batch) + " needs " +
                        std::to_string(pass_bytes(batch, limit, adapter_elements)) +
                        " bytes of device memory beside the parameters at least: " + error.what());
      }
      // Parameters made resident beside smaller passes leave too little memory; upload again, maybe in a smaller form.
      model_.device().call(model_.device()->invalidate);
      invalidated = true;
    }
  }
  job.set_progress(1);
}

Decoder::Results Decoder::steps(const PassContext& context, const float* condition, int64_t batch,
                                const DndAdapterLayout* layout, int64_t limit) const {
  DecoderPass pass(model_, batch, limit, Activations::kDropped, context);
  // Allocate input and results first.
  PassArray x = pass.upload(condition, batch * config().condition_elements());
  PassArray tokens = pass.allocate(batch * config().features.back().elements()), adapters;
  if (layout != nullptr) adapters = pass.allocate(batch * layout->elements);
  if (model_.projection() != nullptr) x = pass.project_length(std::move(x));
  tokens = pass.decode(std::move(x), std::move(tokens), convolution_workspace(batch, limit));
  if (layout != nullptr) pass.reconstruct(tokens, *layout, adapters);
  return {std::move(tokens), std::move(adapters)};
}

void Decoder::run_pass(const float* condition, int64_t batch, const DndAdapterLayout* layout, float* const* results,
                       int64_t limit, const DndControl* control) {
  const Device& device = model_.device();
  const int64_t bytes = pass_bytes(batch, limit, layout != nullptr ? layout->elements : 0);
  DevicePass pass(device, key_of(batch, limit, layout), bytes);
  pass_bytes_ = std::max(pass_bytes_, bytes);
  PassMemory memory(device);
  const Results output = steps({memory, &pass, control}, condition, batch, layout, limit);
  pass.run(control);
  if (layout == nullptr) {
    return device.download(results[0], output.tokens.data(), batch * config().features.back().elements() * kFloat);
  }
  for (int64_t task = 0; task < batch; ++task) {
    device.download(results[task], output.adapters.data() + task * layout->elements, layout->elements * kFloat);
  }
}

void Decoder::forward(const float* condition, int64_t batch, float* tokens, Job& job, int64_t limit) {
  run(condition, batch, nullptr, &tokens, job, limit);
}

void Decoder::adapters(const float* condition, int64_t batch, const DndAdapterLayout& layout, float* const* adapters,
                       Job& job, int64_t limit, const ResidualReference& residual) {
  check_adapter_layout(layout, !residual);
  const Feature& last = config().features.back();
  if (last.tokens != layout.tokens || last.height != layout.height || last.width != layout.width) {
    refuse("the adapter layout has weight tokens " + text_of({layout.tokens, layout.height, layout.width}) +
           ", and the decoder gives " + text_of(last));
  }
  if (!residual) return run(condition, batch, &layout, adapters, job, limit);
  const int64_t elements = last.elements();
  std::vector<float> tokens(static_cast<size_t>(batch * elements));
  forward(condition, batch, tokens.data(), job, limit);
  for (int64_t task = 0; task < batch; ++task) {
    restore_residual(layout, residual, tokens.data() + task * elements, adapters[task]);
  }
}

void Decoder::project(const float* condition, int64_t batch, float* projected, Job& job) {
  model_.check_batch(batch);
  if (model_.projection() == nullptr) refuse("this decoder has no length projection");
  const JobControl control(job, projection_multiply_adds(batch));
  model_.invalidate_stale();
  model_.upload_projection();
  const Device& device = model_.device();
  PassMemory counted;
  project_steps({counted}, condition, batch);
  DevicePass pass(device, pass_key({kProjectPass, batch}), counted.peak_bytes());
  PassMemory memory(device);
  const PassArray x = project_steps({memory, &pass, control.get()}, condition, batch);
  pass.run(control.get());
  device.download(projected, x.data(), batch * config().features.front().elements() * kFloat);
  job.set_progress(1);
}

PassArray Decoder::project_steps(const PassContext& context, const float* condition, int64_t batch) const {
  DecoderPass pass(model_, batch, 0, Activations::kDropped, context);
  return pass.project_length(pass.upload(condition, batch * config().condition_elements()));
}

double Decoder::projection_multiply_adds(int64_t batch) const {
  const Feature& first = config().features.front();
  return static_cast<double>(batch * first.tokens * first.width) * static_cast<double>(first.height) *
         static_cast<double>(config().projected_from + first.height);
}

double Decoder::multiply_adds(int64_t batch) const {
  double total = model_.projection() != nullptr ? projection_multiply_adds(batch) : 0;
  for (const DecoderLayer& layer : model_.layers()) {
    for (LayerConvolution convolution : kLayerConvolutions) {
      total += direct_multiply_adds(shape_of(convolution, layer.in, layer.out, config().kernel_size, batch));
    }
  }
  return total;
}

uint64_t Decoder::key_of(int64_t batch, int64_t limit, const DndAdapterLayout* layout) const {
  if (layout == nullptr) return pass_key({kForwardPass, batch, limit});
  uint64_t tensors = 0;
  for (int64_t i = 0; i < layout->tensor_count; ++i) {
    const DndAdapterTensor& t = layout->tensors[i];
    tensors = pass_key({static_cast<int64_t>(tensors), t.first_token, t.tokens, t.length, t.transposed, t.offset});
  }
  return pass_key(
      {kAdaptersPass, batch, limit, layout->rank, layout->chunk, layout->elements, static_cast<int64_t>(tensors)});
}

int64_t Decoder::convolution_workspace(int64_t batch, int64_t limit) const {
  int64_t largest = 0;
  for (const DecoderLayer& layer : model_.layers()) {
    for (const DndConvolution& step : convolutions(layer, batch, limit)) {
      largest = std::max(largest, workspace_of(model_.device(), model_.device()->convolution_workspace, step));
    }
  }
  return largest;
}

int64_t Decoder::activation_bytes(int64_t batch, int64_t adapter_elements) const {
  PassMemory counted;
  DecoderPass pass(model_, batch, 0, Activations::kDropped, {counted});
  PassArray x = pass.allocate(batch * config().features.front().elements());
  PassArray tokens = pass.allocate(batch * config().features.back().elements());
  const PassArray adapters = pass.allocate(batch * adapter_elements);
  pass.decode(std::move(x), std::move(tokens), 0);
  return counted.peak_bytes();
}

int64_t Decoder::convolution_limit(int64_t batch, int64_t limit, int64_t adapter_elements) const {
  return std::clamp<int64_t>(limit - activation_bytes(batch, adapter_elements), 0, PlanOptions::kDefaultWorkspaceBytes);
}

int64_t Decoder::pass_bytes(int64_t batch, int64_t limit, int64_t adapter_elements) const {
  PassMemory counted;
  DndAdapterLayout layout{};
  layout.elements = adapter_elements;
  steps({counted}, nullptr, batch, adapter_elements > 0 ? &layout : nullptr, limit);
  return counted.peak_bytes();
}

int64_t Decoder::workspace_bytes(int64_t batch, int64_t limit, int64_t adapter_elements) const {
  model_.check_batch(batch);
  return pass_bytes(batch, convolution_limit(batch, limit, adapter_elements), adapter_elements);
}

}  // namespace dnd
