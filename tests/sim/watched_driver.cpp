#include "sim/watched_driver.hpp"

#include <utility>

#include "sim/keeper.hpp"

namespace stint::sim {

void WatchedDriver::start(ports::LaunchSpec spec) {
  const std::string name = agent_ + ": " + name_of(spec.ref);
  findings_.expect(!is_written_ || is_written_(spec), "was started before its assignment was durable", name);
  if (const auto prepared = prepared_.extract(spec.ref); !prepared.empty())
    findings_.expect(prepared.mapped() == spec, "was prepared as something else than was started", name);
  inner_.start(std::move(spec));
}

void WatchedDriver::prepare(const ports::LaunchSpec& spec) {
  findings_.expect(prepared_.emplace(spec.ref, spec).second, "was prepared twice", agent_ + ": " + name_of(spec.ref));
  inner_.prepare(spec);
}

void WatchedDriver::release(const AttemptRef& ref) {
  prepared_.erase(ref);
  inner_.release(ref);
}

}  // namespace stint::sim
