#pragma once

#include <cstdint>
#include <vector>

#include "core/status.h"
#include "model/decoder_model.h"
#include "model/device_pass.h"
#include "model/pass_memory.h"

namespace dnd {

/// What a pass works with. Without a DevicePass it computes nothing: its memory is only counted.
struct PassContext {
  PassMemory& memory;
  const DevicePass* pass = nullptr;
  const DndControl* control = nullptr;
};

/// What a layer's backward pass needs beside its input, by the names of the equations.
struct LayerActivations {
  PassArray mean_rstd;     ///< of x, as DndBackend::norm_statistics makes them
  PassArray width_first;   ///< convW(x̂; K1w)
  PassArray height_first;  ///< convH(x̂; K2h)
  PassArray t;             ///< tanh(convW(convH(x̂; K2h); K2w))
  PassArray s;
};

/// And that of the length projection.
struct ProjectionActivations {
  PassArray condition;  ///< as it was given, [B·N·W rows, L]
  PassArray shorter;    ///< after down_proj, [rows, L']
};

/// One forward pass: the equations of docs/mathematics.md. Arrays live as long as they are needed, and are allocated and
/// freed in an order that depends on the decoder, the batch and what is saved alone: so a device that repeats a pass
/// finds them at the same addresses, and a pass that only counts finds the memory that others take.
class DecoderPass {
 public:
  /// `limit`: of each convolution's workspace.
  DecoderPass(const DecoderModel& model, int64_t batch, int64_t limit, Activations activations,
              const PassContext& context)
      : model_(model), batch_(batch), limit_(limit), activations_(activations), context_(context) {}

  /// Not filled.
  PassArray allocate(int64_t elements) { return context_.memory.floats(elements); }
  /// Before the first operation.
  PassArray upload(const float* host, int64_t elements);

  /// condition [B, N, L, W] → x [B, N, L', W].
  PassArray project_length(PassArray condition);

  /// x → tokens, in the array that is given for them: the layers, one after the other. Saves nothing.
  PassArray decode(PassArray x, PassArray tokens, int64_t workspace_bytes);

  /// tokens of the last feature → adapters [batch, layout.elements]
  void reconstruct(const PassArray& tokens, const DndAdapterLayout& layout, const PassArray& adapters) const {
    call(device()->reconstruct, tokens.data(), batch_, &layout, adapters.data());
  }

 protected:
  /// All of a layer up to s. Where nothing is saved, s alone is left, and x only for a residual.
  LayerActivations paths(const DecoderLayer& layer, PassArray& x);
  /// y = convN(s; KN) + biasN (+ x)
  void convolve_tokens(const DecoderLayer& layer, const PassArray& s, const PassArray& x, const PassArray& y) const;

  std::vector<DndConvolution> convolutions(const DecoderLayer& layer) const {
    return convolutions_of(layer, model_.config(), batch_, limit_, activations_);
  }
  DndConvolutionOperands normalised(const DecoderLayer& layer, const PassArray& x, const PassArray& mean_rstd) const {
    return {
        .x = x.data(), .mean_rstd = mean_rstd.data(), .norm_weight = layer.norm_weight, .norm_bias = layer.norm_bias};
  }
  PassArray convolve(const DndConvolution& step, const DndConvolutionOperands& operands, const float* weight);
  void convolve_into(const PassArray& y, const DndConvolution& step, DndConvolutionOperands operands,
                     const float* weight) const;

  /// Nothing where memory is only counted. Error(kAborted) also between operations.
  template <typename Operation, typename... Arguments>
  void call(Operation operation, Arguments... arguments) const {
    if (context_.pass == nullptr) return;
    throw_if_cancelled();
    context_.pass->call(operation, context_.control, arguments...);
  }

  bool saves() const { return activations_ == Activations::kSaved; }
  const Device& device() const { return model_.device(); }

  const DecoderModel& model_;
  const int64_t batch_, limit_;
  const Activations activations_;
  const PassContext context_;
  PassArray workspace_;  ///< for one convolution at a time
  ProjectionActivations projection_;

 private:
  PassArray linear(const PassArray& x, int64_t rows, int64_t in, const float* weight, const float* bias);
  void throw_if_cancelled() const {
    const DndControl& control = *context_.control;
    if (control.cancelled(control.context) != 0) throw Error(ErrorCode::kAborted, "the work was cancelled");
  }
};

}  // namespace dnd
