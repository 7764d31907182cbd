#pragma once

#include <span>

#include "base/random.hpp"
#include "ports/entropy.hpp"
#include "sim/agenda.hpp"
#include "sim/faults.hpp"
#include "sim/network.hpp"
#include "sim/trace.hpp"

namespace stint::sim {

/// What every node of one world shares. `prng` is drawn from in the order of events.
struct Surroundings {
  Agenda& agenda;
  Prng& prng;
  Trace& trace;
  Findings& findings;
  Network& network;
  FaultCounts& faults;
};

class SeededEntropy final : public ports::Entropy {
 public:
  explicit SeededEntropy(std::uint64_t seed) : prng_(seed) {}
  void fill(std::span<std::uint8_t> out) override { prng_.fill(out); }

 private:
  Prng prng_;
};

/// The timer of a node: armed for its next deadline, never late.
class Alarm {
 public:
  Alarm(Agenda& agenda, std::function<void()> ring) : agenda_(agenda), ring_(std::move(ring)) {}

  void arm(Instant when) {
    if (when >= armed_) return;
    armed_ = when;
    agenda_.at(when, [this, when] {
      if (armed_ != when) return;  // armed for an earlier moment since, or off
      armed_ = Instant::max();
      ring_();
    });
  }
  void turn_off() { armed_ = Instant::max(); }

 private:
  Agenda& agenda_;
  std::function<void()> ring_;
  Instant armed_ = Instant::max();
};

}  // namespace stint::sim
