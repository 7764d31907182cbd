#include "agent/gpu_pool.hpp"

namespace stint::agent {

std::optional<std::vector<std::uint32_t>> GpuPool::take(std::size_t count) {
  std::vector<std::uint32_t> indices;
  for (std::uint32_t i = 0; i < taken_.size() && indices.size() < count; ++i)
    if (!taken_[i]) indices.push_back(i);
  if (indices.size() < count) return std::nullopt;
  reserve(indices);
  return indices;
}

void GpuPool::reserve(const std::vector<std::uint32_t>& indices) {
  for (auto i : indices)
    if (i < taken_.size()) taken_[i] = true;
}

void GpuPool::give_back(const std::vector<std::uint32_t>& indices) {
  for (auto i : indices)
    if (i < taken_.size()) taken_[i] = false;
}

}  // namespace stint::agent
