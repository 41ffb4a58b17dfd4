#include "cpu/convolution/direct.h"
#include "cpu/operations.h"

namespace dnd::cpu {

size_t convolution_workspace(int threads, DndAxis axis, int64_t batch, int64_t tokens, int64_t height, int64_t width,
                             int64_t out_channels, int32_t kernel_size) {
  const Geometry geometry = convolution_geometry(axis, batch, tokens, height, width, out_channels, kernel_size);
  return plan_direct(geometry, kernels(), threads).workspace_floats(threads) * sizeof(float);
}

void convolution(ThreadPool& pool, const Control& control, DndAxis axis, const float* x, int64_t batch, int64_t tokens,
                 int64_t height, int64_t width, const float* weight, int64_t out_channels, int32_t kernel_size,
                 float* y, void* workspace) {
  const Geometry geometry = convolution_geometry(axis, batch, tokens, height, width, out_channels, kernel_size);
  convolve_direct(pool, control, kernels(), plan_direct(geometry, kernels(), pool.threads()), x, weight, y,
                  static_cast<float*>(workspace));
}

}  // namespace dnd::cpu
