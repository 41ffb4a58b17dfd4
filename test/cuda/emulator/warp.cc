/// Operations that the 32 threads of a warp do together.

#include <array>
#include <cstdint>
#include <cstring>

#include "test/cuda/emulator/block.h"
#include "toolkit/device_code.h"
#include "toolkit/half_bits.h"

namespace dnd::cuda::emulator {
namespace {

constexpr int kLanes = 32;
constexpr char kWarpBarrier[] = "warp_barrier";
constexpr char kWarpShuffle[] = "warp_shuffle";
constexpr char kLoadMatrix[] = "load_matrix";
constexpr char kMultiplyAdd[] = "multiply_add_16x8x16";

struct Shuffle {
  uint32_t value;
  unsigned lane;
  uint32_t result;
};

void exchange(void* const* operands) {
  for (int lane = 0; lane < kLanes; ++lane) {
    auto* own = static_cast<Shuffle*>(operands[lane]);
    own->result = static_cast<const Shuffle*>(operands[own->lane])->value;
  }
}

struct MatrixLoad {
  uint32_t* registers;
  int matrices;
  const void* row;
  bool transposed;
};

using HalfMatrix = std::array<std::array<uint16_t, 8>, 8>;

HalfMatrix read_matrix(void* const* operands, int matrix) {
  HalfMatrix result;
  for (int r = 0; r < 8; ++r) {
    const void* row = static_cast<const MatrixLoad*>(operands[matrix * 8 + r])->row;
    if (reinterpret_cast<uintptr_t>(row) % 16 != 0) {
      fail("%s: lane %d names a row that is not 16-byte aligned", kLoadMatrix, matrix * 8 + r);
    }
    if (!inside_shared(row, 16)) fail("%s: lane %d names a row outside of shared memory", kLoadMatrix, matrix * 8 + r);
    std::memcpy(result[r].data(), row, 16);
  }
  return result;
}

void load(void* const* operands) {
  const MatrixLoad first = *static_cast<const MatrixLoad*>(operands[0]);
  for (int lane = 1; lane < kLanes; ++lane) {
    const auto* own = static_cast<const MatrixLoad*>(operands[lane]);
    if (own->matrices != first.matrices || own->transposed != first.transposed) {
      fail("%s: lanes 0 and %d load differently", kLoadMatrix, lane);
    }
  }
  for (int m = 0; m < first.matrices; ++m) {
    const HalfMatrix matrix = read_matrix(operands, m);
    for (int lane = 0; lane < kLanes; ++lane) {
      const int major = lane / 4, minor = lane % 4 * 2;
      const uint32_t low = first.transposed ? matrix[minor][major] : matrix[major][minor];
      const uint32_t high = first.transposed ? matrix[minor + 1][major] : matrix[major][minor + 1];
      static_cast<const MatrixLoad*>(operands[lane])->registers[m] = low | high << 16;
    }
  }
}

struct MultiplyAdd {
  float* d;
  const uint32_t* a;
  const uint32_t* b;
};

template <int registers>
void to_floats(const std::array<uint32_t, kLanes * registers>& packed,
               std::array<float, kLanes * registers * 2>& values) {
  std::array<uint16_t, kLanes * registers * 2> halves;
  std::memcpy(halves.data(), packed.data(), sizeof halves);
  for (size_t i = 0; i < values.size(); ++i) values[i] = float_of_half_bits(halves[i]);
}

/// Fragments as PTX lays them out: docs of multiply_add_16x8x16 in cuda/toolkit/ptx.h.
void multiply_add(void* const* operands) {
  std::array<uint32_t, kLanes * 4> packed_a;
  std::array<uint32_t, kLanes * 2> packed_b;
  for (int lane = 0; lane < kLanes; ++lane) {
    const auto* own = static_cast<const MultiplyAdd*>(operands[lane]);
    std::memcpy(&packed_a[lane * 4], own->a, 16);
    std::memcpy(&packed_b[lane * 2], own->b, 8);
  }
  std::array<float, kLanes * 8> fragments_a;
  std::array<float, kLanes * 4> fragments_b;
  to_floats<4>(packed_a, fragments_a);
  to_floats<2>(packed_b, fragments_b);

  float a[16][16], b[16][8], d[16][8];
  for (int lane = 0; lane < kLanes; ++lane) {
    const int group = lane / 4, pair = lane % 4 * 2;
    for (int i = 0; i < 4; ++i) {
      std::memcpy(&a[group + i % 2 * 8][pair + i / 2 * 8], &fragments_a[lane * 8 + i * 2], 8);
    }
    for (int i = 0; i < 4; ++i) b[pair + i % 2 + i / 2 * 8][group] = fragments_b[lane * 4 + i];
    const float* own = static_cast<const MultiplyAdd*>(operands[lane])->d;
    std::memcpy(&d[group][pair], own, 8);
    std::memcpy(&d[group + 8][pair], own + 2, 8);
  }
  for (int row = 0; row < 16; ++row) {
    float sums[8];
    std::memcpy(sums, d[row], sizeof sums);
    for (int k = 0; k < 16; ++k) {
      for (int column = 0; column < 8; ++column) sums[column] += a[row][k] * b[k][column];
    }
    std::memcpy(d[row], sums, sizeof sums);
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    const int group = lane / 4, pair = lane % 4 * 2;
    float* own = static_cast<const MultiplyAdd*>(operands[lane])->d;
    std::memcpy(own, &d[group][pair], 8);
    std::memcpy(own + 2, &d[group + 8][pair], 8);
  }
}

}  // namespace

void warp_barrier() {
  join_warp(kWarpBarrier, nullptr, [](void* const*) {});
}

uint32_t warp_shuffle(uint32_t value, unsigned lane) {
  Shuffle operands{value, lane, 0};
  join_warp(kWarpShuffle, &operands, exchange);
  return operands.result;
}

void load_matrices(uint32_t* registers, int matrices, const void* shared_row, bool transposed) {
  MatrixLoad operands{registers, matrices, shared_row, transposed};
  join_warp(kLoadMatrix, &operands, load);
}

void multiply_add_16x8x16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  MultiplyAdd operands{d, a, b};
  join_warp(kMultiplyAdd, &operands, multiply_add);
}

}  // namespace dnd::cuda::emulator
