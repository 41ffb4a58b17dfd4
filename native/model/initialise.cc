#include "model/initialise.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <string_view>
#include <vector>

#include "core/integers.h"
#include "core/philox.h"
#include "core/status.h"
#include "core/thread_pool.h"
#include "core/distributions.h"

namespace dnd {
namespace {

enum class Kind { kConstant, kUniform, kNormal };

struct Distribution {
  Kind kind;
  double value;  ///< the constant, the uniform's bound, or the normal's standard deviation
};

double inverse_root_of_inputs(const ParameterInfo& weight) {
  return 1.0 / std::sqrt(static_cast<double>(weight.elements() / weight.shape[0]));
}

/// The distribution of a decoder's parameter by its published name; a bias uses the size of the weight before it.
Distribution decoder_distribution(const ParameterInfo& info, const ParameterInfo* previous) {
  const std::string_view name = info.name;
  if (name.ends_with("norm.weight")) return {Kind::kConstant, 1};
  if (name.ends_with("norm.bias")) return {Kind::kConstant, 0};
  if (name.ends_with("linear1.bias")) return {Kind::kUniform, 1.0 / static_cast<double>(info.elements())};
  if (name.ends_with("_proj.weight")) return {Kind::kNormal, 1};
  if (name.ends_with(".bias")) return {Kind::kUniform, inverse_root_of_inputs(*previous)};
  return {Kind::kUniform, inverse_root_of_inputs(info)};
}

constexpr int64_t kChunk = int64_t{1} << 16;  ///< elements; a multiple of the four in a Philox block

/// Elements [begin, begin + count) of parameter number `parameter`; begin is a multiple of 4.
void fill(const Distribution& distribution, uint64_t seed, uint32_t parameter, int64_t begin, int64_t count,
          float* values) {
  if (distribution.kind == Kind::kConstant) {
    std::fill_n(values, count, static_cast<float>(distribution.value));
    return;
  }
  const std::array<uint32_t, 2> key = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
  for (int64_t i = 0; i < count; i += 4) {
    const uint64_t block = static_cast<uint64_t>(begin + i) / 4;
    const auto words = philox({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), parameter, 0}, key);
    std::array<float, 4> four;
    if (distribution.kind == Kind::kUniform) {
      for (int word = 0; word < 4; ++word) four[word] = uniform_from(words[word], distribution.value);
    } else {
      normals_from(words[0], words[1], &four[0], &four[1]);
      normals_from(words[2], words[3], &four[2], &four[3]);
      for (float& number : four) number *= static_cast<float>(distribution.value);
    }
    std::copy_n(four.begin(), std::min<int64_t>(4, count - i), values + i);
  }
}

/// The same on several threads. `on_done(count)` is called from any of them.
template <typename OnDone>
void fill_with(ThreadPool& pool, const Distribution& distribution, uint64_t seed, uint32_t parameter, int64_t begin,
               int64_t count, float* values, const Job& job, const OnDone& on_done) {
  pool.parallel_for(divide_up(count, kChunk), [&](int64_t task, int) {
    job.throw_if_cancelled();
    const int64_t first = task * kChunk, elements = std::min(kChunk, count - first);
    fill(distribution, seed, parameter, begin + first, elements, values + first);
    on_done(elements);
  });
}

/// `distribution_of(info, previous)`: previous is null for the first.
template <typename DistributionOf>
void initialise(ParameterStore& parameters, uint64_t seed, int threads, Job& job,
                const DistributionOf& distribution_of) {
  ThreadPool pool(threads);
  int64_t done_before = 0;
  const int64_t total = parameters.bytes() / static_cast<int64_t>(sizeof(float));
  for (size_t index = 0; index < parameters.infos().size(); ++index) {
    const ParameterInfo& info = parameters.infos()[index];
    const Distribution distribution = distribution_of(info, index > 0 ? &parameters.infos()[index - 1] : nullptr);
    std::atomic<int64_t> done{done_before};
    fill_with(pool, distribution, seed, static_cast<uint32_t>(index), 0, info.elements(), parameters.writable(index), job,
              [&](int64_t count) {
                job.set_progress(static_cast<double>(done += count) / static_cast<double>(total));
              });
    done_before += info.elements();
  }
  job.set_progress(1);
}

}  // namespace

void initialise_decoder(ParameterStore& parameters, uint64_t seed, int threads, Job& job) {
  initialise(parameters, seed, threads, job, decoder_distribution);
}

void initial_decoder_values(const ParameterStore& parameters, uint64_t seed, size_t index, int64_t begin, int64_t count,
                            int threads, Job& job, float* values) {
  const std::vector<ParameterInfo>& infos = parameters.infos();
  const Distribution distribution = decoder_distribution(infos[index], index > 0 ? &infos[index - 1] : nullptr);
  ThreadPool pool(threads);
  fill_with(pool, distribution, seed, static_cast<uint32_t>(index), begin, count, values, job, [](int64_t) {});
  job.set_progress(1);
}

void initialise_language_model(ParameterStore& parameters, uint64_t seed, double standard_deviation, int threads,
                               Job& job) {
  initialise(parameters, seed, threads, job, [&](const ParameterInfo& info, const ParameterInfo*) -> Distribution {
    const std::string_view name = info.name;
    if (name.ends_with("norm.weight")) return {Kind::kConstant, 1};
    if (name.ends_with(".bias")) return {Kind::kConstant, 0};
    return {Kind::kNormal, standard_deviation};
  });
}

void initialise_adapter(ParameterStore& parameters, uint64_t seed, int threads, Job& job) {
  initialise(parameters, seed, threads, job, [](const ParameterInfo& info, const ParameterInfo*) -> Distribution {
    const bool first = std::string_view(info.name).ends_with("lora_A.weight");
    return first ? Distribution{Kind::kUniform, inverse_root_of_inputs(info)} : Distribution{Kind::kConstant, 0};
  });
}

}  // namespace dnd
