#pragma once

#include <cstdint>

#include "model/decoder_pass.h"
#include "model/training/gradients.h"
#include "model/training/trainer.h"
#include "model/training/training_plan.h"

namespace dnd {

/// Forward, loss and backward: the forward pass of decoder_pass.h, saving activations, and its derivatives.
class TrainingPass : private DecoderPass {
 public:
  /// `gradients`: null when only counting memory. Otherwise the memory is a block of plan.bytes.
  TrainingPass(const DecoderModel& model, const TrainingPlan& plan, const Gradients* gradients,
               const PassContext& context)
      : DecoderPass(model, plan.batch, plan.convolution_limit, Activations::kSaved, context),
        plan_(plan),
        gradients_(gradients) {}

  /// sums [batch], written if there is a target, and valid after the pass has run. When only counting memory, the arrays
  /// of the batch are not read, but which of them are null still matters.
  void run(const TrainingBatch& batch, DndTokenSums* sums);

 private:
  /// What a batch has beside conditions; empty arrays for what it has not.
  struct LossArrays {
    PassArray target, importance, output_gradient;
  };
  LossArrays upload_loss(const TrainingBatch& batch);
  /// The gradient of the weight tokens y, maybe in their place.
  PassArray loss_gradient(const TrainingBatch& batch, PassArray y, LossArrays loss, DndTokenSums* sums);
  void add_noise(const PassArray& x, int64_t elements, const TrainingBatch& batch, double sigma, int64_t substream);
  /// Gradients of every layer's biasN from the gradient of the weight tokens.
  void token_bias_gradients(const PassArray& dy);
  /// dy → dx, or an empty array unless needs_dx.
  PassArray backward(const DecoderLayer& layer, PassArray x, LayerActivations saved, PassArray dy, bool needs_dx);
  void project_length_backward(PassArray dy);

  /// Gradient of a convolution's weight from that of its output, added to the gradients.
  void weight_gradient(const DndConvolution& step, const DndConvolutionOperands& operands, const PassArray& dy,
                       const StoredValues& weight);
  /// Gradient of its input, in a new array. `step`: one of input_gradient_convolutions.
  PassArray input_gradient(const DndConvolution& step, const PassArray& dy, const StoredValues& weight) {
    return convolve(step, {.x = dy.data()}, weight);
  }

  float* gradient(const float* parameter) const { return gradients_ != nullptr ? gradients_->of(parameter) : nullptr; }
  int32_t accumulate() const { return gradients_ != nullptr && gradients_->accumulated; }
  const DndTrainingOperations& training() const { return *device()->training; }

  const TrainingPlan& plan_;
  const Gradients* const gradients_;
};

}  // namespace dnd
