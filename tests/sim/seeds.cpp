#include "sim/seeds.hpp"

#include <charconv>
#include <string>

namespace stint::sim {
namespace {

constexpr std::uint64_t kKnownSeeds[] = {STINT_SIM_KNOWN_SEEDS};

bool parse_number(std::string_view text, std::uint64_t& number) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc{} && end == text.data() + text.size();
}

}  // namespace

Result<std::vector<std::uint64_t>> parse_seeds(std::string_view text) {
  const auto dots = text.find("..");
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  const bool is_range = dots != std::string_view::npos;
  const bool is_good = parse_number(text.substr(0, dots), first) && (!is_range || parse_number(text.substr(dots + 2), last));
  if (!is_range) last = first;
  if (!is_good || last < first)
    return fail(Errc::invalid_argument, "seeds are a number or FIRST..LAST, such as 1..200; this is \"" + std::string(text) + '"');
  std::vector<std::uint64_t> seeds;
  for (std::uint64_t seed = first; seed <= last; ++seed) seeds.push_back(seed);
  return seeds;
}

std::vector<std::uint64_t> known_seeds() { return {std::begin(kKnownSeeds), std::end(kKnownSeeds)}; }

}  // namespace stint::sim
