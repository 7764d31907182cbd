#include "sim/trace.hpp"

#include <cstdio>

namespace stint::sim {
namespace {

std::uint64_t mix(std::uint64_t hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return hash;
}

}  // namespace

void Trace::note(std::string_view who, std::string_view what) {
  ++lines_;
  hash_ = mix(mix(hash_ ^ static_cast<std::uint64_t>(agenda_.now().time_since_epoch().count()), who), what);
  if (output_ == Output::none) return;
  const double seconds = static_cast<double>(agenda_.now().time_since_epoch().count()) / 1e9;
  std::printf("%12.6f  %-10.*s %.*s\n", seconds, static_cast<int>(who.size()), who.data(), static_cast<int>(what.size()), what.data());
}

}  // namespace stint::sim
