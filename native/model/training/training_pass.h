#pragma once

#include <cstdint>

#include "model/decoder_layers.h"
#include "model/device_pass.h"
#include "model/training/gradients.h"
#include "model/training/pass_memory.h"
#include "model/training/trainer.h"
#include "model/training/training_plan.h"

namespace dnd {

/// Forward, loss and backward: the equations of docs/mathematics.md and their derivatives, over device memory that
/// lives as long as it is needed.
class TrainingPass {
 public:
  /// Counts the memory that `run` takes, and does nothing.
  TrainingPass(const DecoderParts& decoder, const TrainingPlan& plan)
      : decoder_(decoder), plan_(plan), memory_(nullptr) {}

  /// Computes, within `pass`, in a block of plan.bytes of device memory.
  TrainingPass(const DecoderParts& decoder, const TrainingPlan& plan, const Gradients& gradients,
               const DevicePass& pass, void* block, const DndControl* control)
      : decoder_(decoder), plan_(plan), gradients_(&gradients), pass_(&pass), control_(control), memory_(block) {}

  /// sums [batch], there when the pass has run. Of what is only counted, the batch's arrays are not read, but whether
  /// there is an importance.
  void run(const TrainingBatch& batch, DndTokenSums* sums);

  /// Size of a block in which all its arrays had their places.
  int64_t most_bytes() const { return memory_.most_bytes(); }

 private:
  /// Of the length projection.
  struct Projection {
    PassArray condition;  ///< as it was given, [B·N·W rows, L]
    PassArray shorter;    ///< after down_proj, [rows, L']
  };
  /// What a layer's backward pass needs beside its input, by the names of the equations.
  struct Inner {
    PassArray moments;
    PassArray width_first;   ///< convW(x̂; K1w)
    PassArray height_first;  ///< convH(x̂; K2h)
    PassArray t;             ///< tanh(convW(convH(x̂; K2h); K2w))
    PassArray s;
  };

  PassArray upload(const float* host, int64_t elements);
  void add_noise(const PassArray& x, int64_t elements, const TrainingBatch& batch, double sigma, int64_t substream);
  PassArray project_length();
  void project_length_backward(PassArray dy);
  std::vector<DndConvolution> convolutions(const DecoderLayer& layer) const;

  Inner inner(const DecoderLayer& layer, const PassArray& x);
  PassArray token_convolution(const DecoderLayer& layer, const PassArray& s, const PassArray& x);
  /// Of every layer's biasN, from the gradient of the weight tokens.
  void token_bias_gradients(const PassArray& dy);
  /// dy → dx, or an empty array where dx is not wanted.
  PassArray backward(const DecoderLayer& layer, PassArray x, Inner inner, PassArray dy, bool wants_dx);

  DndConvolutionOperands normalised(const DecoderLayer& layer, const PassArray& x, const Inner& inner) const;
  PassArray convolve(const DndConvolution& step, const DndConvolutionOperands& operands, const float* weight);
  void convolve_into(float* y, const DndConvolution& step, DndConvolutionOperands operands, const float* weight) const;
  /// From the gradient of a convolution's result: that of its weight, which goes to the gradients, …
  void weight_gradient(const DndConvolution& step, const DndConvolutionOperands& operands, const PassArray& dy,
                       const float* weight);
  /// … and that of its input, in an array of its own or added to `sum`. `step`: of input_gradient_convolutions.
  PassArray input_gradient(const DndConvolution& step, const PassArray& dy, const float* weight) {
    return convolve(step, {.x = dy.data()}, weight);
  }
  void add_input_gradient(const DndConvolution& step, const PassArray& dy, const float* weight, const PassArray& sum);

  /// Nothing where memory is only counted. Error(kAborted) also between operations.
  template <typename Operation, typename... Arguments>
  void call(Operation operation, Arguments... arguments) const {
    if (pass_ == nullptr) return;
    throw_if_cancelled();
    pass_->call(operation, control_, arguments...);
  }
  void throw_if_cancelled() const;
  float* gradient(const float* parameter) const { return gradients_ != nullptr ? gradients_->of(parameter) : nullptr; }
  int32_t accumulate() const { return gradients_ != nullptr && gradients_->accumulated; }
  const DndTrainingOperations& training() const { return *decoder_.device->training; }

  const DecoderParts decoder_;
  const TrainingPlan& plan_;
  const Gradients* gradients_ = nullptr;
  const DevicePass* pass_ = nullptr;
  const DndControl* control_ = nullptr;
  PassMemory memory_;
  PassArray workspace_;
  Projection projection_;
};

}  // namespace dnd
