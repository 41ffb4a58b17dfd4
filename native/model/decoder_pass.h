#pragma once

#include <cstdint>
#include <vector>

#include "model/decoder_model.h"
#include "model/pass_context.h"

namespace dnd {

/// What a layer's backward pass needs beside its input, named as in docs/mathematics.md.
struct LayerActivations {
  PassArray mean_rstd;     ///< of x, from DndBackend::norm_statistics
  PassArray width_first;   ///< convW(x̂; K1w)
  PassArray height_first;  ///< convH(x̂; K2h)
  PassArray t;             ///< tanh(convW(convH(x̂; K2h); K2w))
  PassArray s;
};

/// The same for the length projection.
struct ProjectionActivations {
  PassArray condition;  ///< input, [B·N·W rows, L]
  PassArray shorter;    ///< after down_proj, [rows, L']
};

/// One forward pass: the equations of docs/mathematics.md. Arrays are freed after their last use. The order of
/// allocations depends only on the decoder, the batch and what is saved: a device that replays a pass gets the same
/// addresses, and a counting pass the memory that a real one needs.
class DecoderPass {
 public:
  /// `limit`: on each convolution's workspace.
  DecoderPass(const DecoderModel& model, int64_t batch, int64_t limit, Activations activations,
              const PassContext& context)
      : model_(model), batch_(batch), limit_(limit), activations_(activations), context_(context) {}

  /// Uninitialised.
  PassArray allocate(int64_t elements) { return context_.memory.floats(elements); }
  /// Call before the first operation.
  PassArray upload(const float* host, int64_t elements);

  /// condition [B, N, L, W] → x [B, N, L', W].
  PassArray project_length(PassArray condition);

  /// x → tokens, written to the given array: all layers in order. Saves nothing.
  PassArray decode(PassArray x, PassArray tokens, int64_t workspace_bytes);

  /// tokens of the last feature → adapters [batch, layout.elements]
  void reconstruct(const PassArray& tokens, const DndAdapterLayout& layout, const PassArray& adapters) const {
    call(device()->reconstruct, tokens.data(), batch_, &layout, adapters.data());
  }

 protected:
  /// A layer up to s. If nothing is saved, returns only s, and frees x unless it is needed for a residual.
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
  PassArray convolve(const DndConvolution& step, const DndConvolutionOperands& operands, const StoredValues& weight);
  void convolve_into(const PassArray& y, const DndConvolution& step, DndConvolutionOperands operands,
                     const StoredValues& weight) const;

  template <typename Operation, typename... Arguments>
  void call(Operation operation, Arguments... arguments) const {
    context_.call(operation, arguments...);
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
};

}  // namespace dnd
