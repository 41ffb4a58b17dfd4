#pragma once

#include <cstdint>
#include <vector>

#include "backend_training.h"
#include "model/language/pass.h"
#include "model/training/gradients.h"

namespace dnd {

/// What is trained: the adapters of the rows, or every parameter of the model.
struct TrainedSet {
  bool every_parameter = false;
  const Gradients* gradients = nullptr;  ///< of every parameter; null when only counting memory
  bool accumulated = false;              ///< whether there are gradients to add to, of either kind
};

/// How a training pass is executed; results do not depend on it.
struct CausalTrainingPlan {
  int64_t saved_layers = 0;  ///< so many of the last layers save their activations, the others compute them again
  int64_t bytes = 0;         ///< of the memory block of the pass
  bool fits = true;          ///< false: nothing fits; `bytes` would suffice
};

/// Forward, loss and backward: the forward pass of language/pass.h and its derivatives. Layers below the lowest adapted
/// one have no backward pass, and nor does what comes before its first adapted projection.
class CausalTrainingPass : private CausalPass {
 public:
  /// `lora` null: none, when every parameter is trained. The rows have labels.
  CausalTrainingPass(const CausalRuntime& runtime, const CausalRows& rows, const LoraOperands* lora,
                     const TrainedSet& trained, int64_t saved_layers, const PassContext& context,
                     LayerProgress* progress = nullptr)
      : CausalPass(runtime, rows, lora, ProductKind::kMatrix, context, progress),
        trained_(trained),
        saved_layers_(saved_layers) {}

  /// Adds the gradient of weight · Σ losses; losses [outputs] are valid after the pass has run. A loss is −ln p of a
  /// label or, where the adapters have teachers, KL(with the teacher ‖ with the adapter) of the prediction.
  void run(double weight, double* losses);

  /// Layers that a pass goes through, forward and backward, for its progress.
  static int64_t layer_passes(const CausalConfig& config, const LoraOperands* lora, int64_t saved_layers);

 private:
  bool is_taught() const { return lora_ != nullptr && !lora_->teachers.empty(); }
  /// With the teachers instead of the adapters: normalised hidden states at rows.outputs.
  PassArray taught_states() const;
  /// The hidden states of the last layer at rows.outputs → their gradient. `taught`: taught_states(), or empty.
  PassArray loss_and_gradient(const PassArray& x, const PassArray& taught, double weight, double* losses);
  /// Logits of `rows` rows from rows.outputs[first] on → their gradient.
  void loss_of(const PassArray& logits, const PassArray& taught, int64_t first, int64_t rows, double weight,
               double* losses);
  /// [rows, columns]: dy at rows.outputs, zeros elsewhere.
  PassArray scatter_outputs(const PassArray& dy, int64_t columns);
  /// dy → dx, or an empty array where nothing below is trained.
  PassArray backward(int64_t index, CausalActivations& a, PassArray dy);
  PassArray feed_forward_backward(int64_t index, CausalActivations& a, PassArray dy);
  /// d_residual → the gradient of the context of all rows, or an empty array where nothing below is trained.
  PassArray output_backward(int64_t index, const CausalActivations& a, const PassArray& d_residual);
  PassArray attend_backward(int64_t index, CausalActivations& a, PassArray d_residual);
  void recompute(int64_t index, CausalActivations& a);
  /// From dy: gradients of the weights of this module, and dx, or dx += unless `first`; dx may be empty.
  void project_backward(int64_t index, Module module, const PassArray& x, const PassArray& dy, const CausalActivations& a,
                        const PassArray& dx, bool first = true);
  /// dx (+ addend); dx may be dy.
  void norm_backward(const PassArray& x, int64_t rows, int64_t columns, const float* weight, const PassArray& dy,
                     const PassArray& addend);

  /// Whether anything is trained below these modules, which read one input, so that its gradient is needed.
  bool needs_input_gradient(int64_t index, Module first_of_stage) const;
  int64_t lowest_layer() const { return trained_.every_parameter ? 0 : lora_->layout->lowest_layer(); }
  bool saves() const override { return saving_; }
  bool saves_input(int64_t index, Module module) const override {
    return saving_ && (trained_.every_parameter || adapts(index, module));
  }
  float* gradient(const float* parameter) const {
    return trained_.every_parameter && trained_.gradients != nullptr ? trained_.gradients->of(parameter) : nullptr;
  }
  int32_t accumulate() const { return trained_.accumulated; }
  const DndTrainingOperations& training() const { return *device()->training; }

  const TrainedSet trained_;
  const int64_t saved_layers_;
  bool saving_ = false;
};

/// Plans a pass within `available` bytes: as many layers as fit save their activations.
CausalTrainingPlan plan_training_pass(const CausalRuntime& runtime, const CausalRows& rows, const LoraOperands* lora,
                                      bool every_parameter, int64_t available);

}  // namespace dnd
