#include "plan/geometry.h"

#include <string>
#include <utility>

#include "core/status.h"

namespace dnd {
namespace {

[[noreturn]] void refuse(const std::string& what) { throw Error(ErrorCode::kInvalidArgument, "convolution: " + what); }

void check_size(int64_t size, const char* what) {
  if (size < 1) refuse(std::string(what) + " is " + std::to_string(size) + "; it must be at least 1");
}

void check(const DndConvolution& c) {
  check_size(c.batch, "batch");
  check_size(c.tokens, "tokens");
  check_size(c.height, "height");
  check_size(c.width, "width");
  check_size(c.out_channels, "the number of output channels");
  if (c.axis != kDndWidth && c.axis != kDndHeight && c.axis != kDndToken) {
    refuse("unknown axis " + std::to_string(c.axis));
  }
  if (c.kernel_size < 1 || c.kernel_size % 2 == 0) {
    refuse("the kernel size is " + std::to_string(c.kernel_size) + "; it must be odd and positive");
  }
  if (c.transposed_weight != 0 && (c.normalised != 0 || (c.epilogue != kDndStore && c.epilogue != kDndAdd))) {
    refuse("with a transposed weight it takes its input as it is, and its result is stored or added");
  }
  if (c.normalised != 0 && c.axis == kDndToken) refuse("over tokens it takes its input as it is, not normalised");
  if (c.epilogue == kDndMergePaths && c.axis != kDndWidth) refuse("the paths are merged after one over the width");
  if (c.epilogue == kDndTokenBias && c.axis != kDndToken) refuse("a bias of each token follows one over the tokens");
}

/// Strides along [batch, tokens, height, width] as those of a convolution over `axis`. Rows and columns in the order of
/// the kernel's axes: (H, N), (N, W), (H, W).
Geometry::Strides along(DndAxis axis, int64_t batch, int64_t token, int64_t height, int64_t width) {
  switch (axis) {
    case kDndWidth: return {batch, width, height, token};
    case kDndHeight: return {batch, height, token, width};
    case kDndToken: break;
  }
  return {batch, token, height, width};
}

Geometry::Strides dense(DndAxis axis, int64_t tokens, int64_t height, int64_t width) {
  return along(axis, tokens * height * width, height * width, width, 1);
}

}  // namespace

Geometry convolution_geometry(const DndConvolution& c) {
  check(c);
  Geometry geometry{};
  geometry.batch = c.batch;
  geometry.out_channels = c.out_channels;
  geometry.kernel = c.kernel_size;
  geometry.tap_row_stride = c.kernel_size;
  geometry.tap_column_stride = 1;
  geometry.x = dense(c.axis, c.tokens, c.height, c.width);
  geometry.norm = along(c.axis, 0, 0, c.width, 1);
  geometry.mean_rstd = along(c.axis, 3 * c.tokens, 3, 0, 0);
  int64_t tokens = c.tokens, height = c.height, width = c.width;
  switch (c.axis) {
    case kDndWidth:
      geometry.channels = std::exchange(width, c.out_channels);
      geometry.rows = height;
      geometry.columns = tokens;
      break;
    case kDndHeight:
      geometry.channels = std::exchange(height, c.out_channels);
      geometry.rows = tokens;
      geometry.columns = width;
      break;
    case kDndToken:
      geometry.channels = std::exchange(tokens, c.out_channels);
      geometry.rows = height;
      geometry.columns = width;
      break;
  }
  geometry.y = dense(c.axis, tokens, height, width);
  geometry.bias = c.epilogue == kDndMergePaths ? along(c.axis, 0, 0, width, 1) : along(c.axis, 0, 1, 0, 0);
  return geometry;
}

ConvolutionShape shape_of(const Geometry& geometry) {
  return {geometry.batch, geometry.channels, geometry.out_channels, geometry.rows, geometry.columns, geometry.kernel};
}

Geometry exchanged(Geometry geometry) {
  std::swap(geometry.rows, geometry.columns);
  for (Geometry::Strides* strides : {&geometry.x, &geometry.y, &geometry.norm, &geometry.mean_rstd, &geometry.bias}) {
    std::swap(strides->row, strides->column);
  }
  std::swap(geometry.tap_row_stride, geometry.tap_column_stride);
  return geometry;
}

}  // namespace dnd
