#pragma once

#include <cstdint>
#include <string>

#include "sim/client.hpp"
#include "sim/surroundings.hpp"

namespace stint::sim {

/// Some people with tokens of their own, who claim work, think, and answer. Until they are diligent some give back what they claimed, or
/// forget it.
class People {
 public:
  People(Surroundings world, Client& client) : world_(world), client_(client) {}

  /// Each gets a token and begins.
  void start(std::size_t count);
  void be_diligent() { are_diligent_ = true; }
  /// They claim nothing more.
  void rest() { are_resting_ = true; }

 private:
  void join(std::size_t number, std::size_t tries);
  void work(const std::string& token);
  void on_claimed(const std::string& token, const std::string& body);
  void decide(const std::string& token, const std::string& task, std::uint64_t attempt);
  void answer(const std::string& token, const std::string& task, std::uint64_t attempt);

  Surroundings world_;
  Client& client_;
  bool are_diligent_ = false;
  bool are_resting_ = false;
};

}  // namespace stint::sim
