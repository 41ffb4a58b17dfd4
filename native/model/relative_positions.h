#pragma once

#include <cstdint>
#include <vector>

namespace dnd {

/// Bucket of each distance key − query, −span … span: one for each small distance, then logarithmically wider ones up to
/// max_distance, those of keys after the query in the upper half (Raffel et al. 2020, T5; MPNet has the same).
std::vector<int32_t> relative_buckets(int64_t span, int64_t buckets, int64_t max_distance);

/// Cosines and sines of rotary positions 0 … positions − 1, as `rotate` of backend_language.h reads them:
/// [positions, head_width]. Rounded as PyTorch rounds them.
std::vector<float> rotary_table(int64_t positions, int64_t head_width, double theta);

}  // namespace dnd
