#include "cpu/language_backend.h"

#include "cpu/device.h"
#include "cpu/gemm/bfloat16_gemm.h"
#include "cpu/language/operations.h"
#include "guarded.h"

/// Each entry unpacks the device, runs the operation and turns exceptions into statuses.
namespace dnd::cpu {
namespace {

Device& own(void* device) { return *static_cast<Device*>(device); }
ThreadPool& pool_of(void* device) { return own(device).pool; }

DndStatus embed_tokens_entry(void* device, const DndControl* control, const int32_t* ids, int64_t rows, DndWeight table, int64_t columns, float* y) {
  return guarded([&] { embed_tokens(pool_of(device), Control(control), ids, rows, table, columns, y); });
}

DndStatus embed_tokens_gradient_entry(void* device, const DndControl* control, const int32_t* ids, const float* dy, int64_t rows, int64_t vocabulary, int64_t columns, int32_t accumulate, float* dtable) {
  return guarded([&] { embed_tokens_gradient(pool_of(device), Control(control), ids, dy, rows, vocabulary, columns, accumulate != 0, dtable); });
}

DndStatus rms_norm_entry(void* device, const DndControl* control, const float* x, int64_t rows, int64_t columns, const float* weight, float eps, float* y) {
  return guarded([&] { rms_norm(pool_of(device), Control(control), x, rows, columns, weight, eps, y); });
}

DndStatus rms_norm_gradient_entry(void* device, const DndControl* control, const float* x, const float* weight, float eps, const float* dy, const float* addend, int64_t rows, int64_t columns, int32_t accumulate, float* dx, float* dweight) {
  return guarded([&] { rms_norm_gradient(pool_of(device), Control(control), x, weight, eps, dy, addend, rows, columns, accumulate != 0, dx, dweight); });
}

DndStatus rotate_entry(void* device, const DndControl* control, const int32_t* positions, int64_t rows, int64_t heads, int64_t head_width, const float* table, int32_t inverse, float* x) {
  return guarded([&] { rotate(pool_of(device), Control(control), positions, rows, heads, head_width, table, inverse != 0, x); });
}

DndStatus causal_attention_entry(void* device, const DndControl* control, const DndCausalAttention* shape, const float* q, const float* k, const float* v, float* y, float* log_sums) {
  return guarded([&] { causal_attention(pool_of(device), Control(control), *shape, q, k, v, y, log_sums); });
}

DndStatus causal_attention_gradient_entry(void* device, const DndControl* control, const DndCausalAttention* shape, const float* q, const float* k, const float* v, const float* y, const float* log_sums, const float* dy, float* shared, float* dq, float* dk, float* dv) {
  return guarded([&] { causal_attention_gradient(pool_of(device), Control(control), *shape, q, k, v, y, log_sums, dy, shared, dq, dk, dv); });
}

DndStatus swiglu_entry(void* device, const DndControl* control, const float* gate, const float* up, int64_t elements, float* y) {
  return guarded([&] { swiglu(pool_of(device), Control(control), gate, up, elements, y); });
}

DndStatus swiglu_gradient_entry(void* device, const DndControl* control, const float* gate, const float* up, const float* dy, int64_t elements, float* dgate, float* dup) {
  return guarded([&] { swiglu_gradient(pool_of(device), Control(control), gate, up, dy, elements, dgate, dup); });
}

DndStatus linear_few_rows_entry(void* device, const DndControl* control, const float* x, int64_t rows, int64_t in, DndWeight weight, const float* bias, int64_t out, const float* residual, float* y) {
  return guarded([&] {
    if (const std::optional<Bfloat16Columns> resident = own(device).weights.find(weight, out, in)) {  // read once as well
      gemm(pool_of(device), Control(control), rows, x, in, *resident, y, out, {bias, kDndNoActivation, residual, out});
    } else {
      linear_few_rows(pool_of(device), Control(control), x, rows, in, weight, bias, out, residual, y);
    }
  });
}

DndStatus upload_linear_gradient_entry(void* device, DndWeight weight, int64_t out, int64_t in) {
  return guarded([&] {
    if (own(device).keeps_bfloat16) own(device).allocated_bytes += own(device).weights.add_gradient(pool_of(device), weight, out, in);
  });
}

DndStatus linear_input_gradient_entry(void* device, const DndControl* control, const float* dy, int64_t rows, int64_t in, int64_t out, DndWeight weight, const float* addend, float* dx) {
  return guarded([&] {
    if (const Bfloat16Matrix* resident = own(device).weights.find_gradient(weight)) {
      gemm(pool_of(device), Control(control), rows, dy, out, resident->all(), dx, in, {.residual = addend, .residual_stride = in});
    } else {
      linear_input_gradient(pool_of(device), Control(control), dy, rows, in, out, weight, addend, dx);
    }
  });
}

DndStatus low_rank_entry(void* device, const DndControl* control, const DndLowRank* shape, const float* x, float* t, float* y) {
  return guarded([&] { low_rank(pool_of(device), Control(control), *shape, x, t, y); });
}

DndStatus low_rank_gradient_entry(void* device, const DndControl* control, const DndLowRank* shape, const float* x, const float* t, const float* dy, int32_t accumulate, float* dt, float* dx) {
  return guarded([&] { low_rank_gradient(pool_of(device), Control(control), *shape, x, t, dy, accumulate != 0, dt, dx); });
}

DndStatus gather_rows_entry(void* device, const DndControl* control, const float* x, const int32_t* index, int64_t rows, int64_t columns, float* y) {
  return guarded([&] { gather_rows(pool_of(device), Control(control), x, index, rows, columns, y); });
}

DndStatus scatter_rows_entry(void* device, const DndControl* control, const float* x, const int32_t* index, int64_t rows, int64_t columns, int64_t zeroed_rows, float* y) {
  return guarded([&] { scatter_rows(pool_of(device), Control(control), x, index, rows, columns, zeroed_rows, y); });
}

DndStatus cross_entropy_entry(void* device, const DndControl* control, const float* logits, const int32_t* labels, int64_t rows, int64_t vocabulary, double weight, float* dlogits, double* losses, int32_t* predictions) {
  return guarded([&] { cross_entropy(pool_of(device), Control(control), logits, labels, rows, vocabulary, weight, dlogits, losses, predictions); });
}

DndStatus kl_divergence_entry(void* device, const DndControl* control, float* targets, float* logits, int64_t rows, int64_t vocabulary, double weight, double* losses) {
  return guarded([&] { kl_divergence(pool_of(device), Control(control), targets, logits, rows, vocabulary, weight, losses); });
}

}  // namespace

constexpr DndLanguageOperations kLanguage = {
    .embed_tokens = embed_tokens_entry,
    .embed_tokens_gradient = embed_tokens_gradient_entry,
    .rms_norm = rms_norm_entry,
    .rms_norm_gradient = rms_norm_gradient_entry,
    .rotate = rotate_entry,
    .causal_attention = causal_attention_entry,
    .causal_attention_gradient = causal_attention_gradient_entry,
    .swiglu = swiglu_entry,
    .swiglu_gradient = swiglu_gradient_entry,
    .linear_few_rows = linear_few_rows_entry,
    .upload_linear_gradient = upload_linear_gradient_entry,
    .linear_input_gradient = linear_input_gradient_entry,
    .low_rank = low_rank_entry,
    .low_rank_gradient = low_rank_gradient_entry,
    .gather_rows = gather_rows_entry,
    .scatter_rows = scatter_rows_entry,
    .cross_entropy = cross_entropy_entry,
    .kl_divergence = kl_divergence_entry,
};

}  // namespace dnd::cpu
