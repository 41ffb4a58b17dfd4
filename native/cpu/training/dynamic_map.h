#pragma once

#include "cpu/isa/training_kernels.h"

namespace dnd::cpu {

/// The dynamic map that quantised moments are stored in: Dettmers, Lewis, Shleifer & Zettlemoyer, "8-bit Optimizers via
/// Block-wise Quantization", ICLR 2022, section 2.1. Seven decades, the i-th ending at 10^(i − 6); decade i is cut into
/// 2^i equal steps from a tenth of its end to its end (twice as many without a sign), and a code represents the middle
/// of its step. With 0 and 1 these are 256 numbers in [−1, 1] or [0, 1].
///
/// Which code represents which number is our choice: a code's leading one gives the decade, the bits behind
/// it the step. Signed: bit 7 is the sign, code 0 is 0 and code 128 is 1. Unsigned: code 0 is 0, code 1 is 1. All
/// zeros, with a largest magnitude of 0, are therefore moments that are zero: how they begin.
///
/// A number between two codes becomes one of them by chance, the nearer the likelier: the expectation is the number.
/// (The nearest code would hold a moment still whose change in a step is less than half the way to the next.) Chance is
/// a hash of the step and the element: the same wherever and in whatever pieces a step is computed. Only a second
/// moment above 0 never becomes 0, because steps are divided by its root.
const DynamicMap& signed_dynamic_map();
const DynamicMap& unsigned_dynamic_map();

}  // namespace dnd::cpu
