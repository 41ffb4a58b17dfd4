#pragma once

#include <string>
#include <vector>

#include "core/feature.h"

namespace dnd {

/// The published configurations, as in src/generator/presets.ts; those for coding and mathematics of the 7B base
/// differ only in their length projection.
struct PublishedDecoder {
  std::string name;
  std::vector<Feature> features;
  int64_t kernel;
};

inline const std::vector<PublishedDecoder>& published_decoders() {
  static const std::vector<PublishedDecoder> decoders = {
      {"qwen2.5-0.5b-common-sense",
       {{128, 384, 384},
        {128, 200, 300},
        {128, 100, 256},
        {256, 50, 200},
        {512, 50, 200},
        {1024, 25, 200},
        {1024, 10, 200},
        {2048, 10, 200},
        {4296, 10, 130}},
       9},
      {"qwen2.5-1.5b-coding",
       {{16, 1000, 384},
        {64, 500, 300},
        {256, 125, 300},
        {512, 64, 300},
        {1024, 64, 256},
        {2048, 32, 256},
        {4508, 18, 258}},
       11},
      {"qwen2.5-1.5b-math",
       {{32, 1000, 384},
        {64, 500, 300},
        {256, 500, 300},
        {512, 125, 300},
        {1024, 64, 256},
        {2048, 32, 256},
        {4508, 18, 258}},
       11},
      {"qwen2.5-7b-math",
       {{16, 1000, 384},
        {64, 500, 384},
        {256, 125, 400},
        {512, 64, 400},
        {1024, 64, 400},
        {2048, 32, 400},
        {4928, 18, 514}},
       11},
      {"qwen2.5-vl-3b-multimodal",
       {{16, 1536, 384}, {64, 500, 300}, {256, 125, 300}, {1024, 64, 300}, {2048, 16, 256}, {7308, 18, 258}},
       11}};
  return decoders;
}

}  // namespace dnd
