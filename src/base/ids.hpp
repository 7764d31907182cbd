#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>

namespace stint {

/// A number that names one thing and cannot be mixed up with the number of another.
template <class Tag, class Rep = std::uint64_t>
struct Id {
  Rep value{};
  constexpr auto operator<=>(const Id&) const = default;
  constexpr explicit operator bool() const { return value != 0; }
};

using JobId = Id<struct JobTag>;          ///< 1, 2, 3 … per cell
using AgentNumber = Id<struct AgentTag>;  ///< 1, 2, 3 … per cell, never used again
using SessionId = Id<struct SessionTag>;  ///< one connection of one agent
using KeyEpoch = Id<struct KeyEpochTag, std::uint16_t>;
using BatchNumber = Id<struct BatchTag>;     ///< commits of one store, in order
using FencingToken = Id<struct FencingTag>;  ///< leaderships of one cell, in order

/// One task: `group` is the position of its task entry in the job, `index` its ordinal (0 … count-1) in the array.
struct TaskRef {
  JobId job;
  std::uint32_t group = 0;
  std::uint32_t index = 0;
  constexpr auto operator<=>(const TaskRef&) const = default;
};

/// One try at a task; attempts count from 1.
struct AttemptRef {
  TaskRef task;
  std::uint32_t attempt = 0;
  constexpr auto operator<=>(const AttemptRef&) const = default;
};

/// 16 random bytes: an agent's `instance` (one per state directory) or `boot` (one per start).
using Token16 = std::array<std::uint8_t, 16>;

}  // namespace stint

template <class Tag, class Rep>
struct std::hash<stint::Id<Tag, Rep>> {
  std::size_t operator()(stint::Id<Tag, Rep> id) const noexcept { return std::hash<Rep>{}(id.value); }
};
template <>
struct std::hash<stint::TaskRef> {
  std::size_t operator()(const stint::TaskRef& t) const noexcept {
    std::uint64_t h = t.job.value * 0x9E3779B97F4A7C15ULL ^ (std::uint64_t{t.group} << 32 | t.index);
    h ^= h >> 29;
    return static_cast<std::size_t>(h * 0xBF58476D1CE4E5B9ULL);
  }
};
template <>
struct std::hash<stint::AttemptRef> {
  std::size_t operator()(const stint::AttemptRef& a) const noexcept { return std::hash<stint::TaskRef>{}(a.task) * 31 + a.attempt; }
};
