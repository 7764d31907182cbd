#include "sim/enrol_world.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <map>

#include "adapters/memory/store.hpp"

namespace stint::sim {
namespace {

constexpr std::uint64_t kStepsMax = 100'000;
constexpr Duration kLimit = std::chrono::minutes{10};  // tokens live longer
constexpr Duration kPause = std::chrono::seconds{3};   // of whoever has the line pasted once more
constexpr std::size_t kTokens = 2;
constexpr std::size_t kMachines = 3;  // two for the first token, one for the second

}  // namespace

EnrolWorld::EnrolWorld(const Plan& plan, Trace::Output output)
    : plan_(plan),
      prng_(plan.seed),
      trace_(agenda_, output),
      network_(agenda_, prng_, trace_),
      surroundings_{agenda_, prng_, trace_, findings_, network_, faults_},
      durable_(findings_),
      told_(durable_, findings_),
      scheduler_(surroundings_, durable_, told_, plan.seed ^ 0x5C4EDULL, {std::chrono::seconds{10}, {}}),
      client_(surroundings_, scheduler_) {}

EnrolWorld::Outcome EnrolWorld::run() {
  network_.set_weather({std::chrono::microseconds{50}, std::chrono::milliseconds{20}, 8});
  scheduler_.start();
  for (std::size_t i = 0; i < kTokens; ++i) make_token();
  if (findings_.empty()) join();
  if (findings_.empty()) calm();
  const std::uint64_t steps = steps_;
  if (findings_.empty()) judge();
  if (findings_.empty()) start_agents();
  return {findings_.texts(), steps, believed_};
}

void EnrolWorld::make_token() {
  client_.post("/v1/agents/tokens", "{}", {}, [this](const ports::HttpResponse* response) {
    if (response == nullptr || response->status != 201) return findings_.add("no token could be made");
    tokens_.emplace_back(boost::json::parse(response->body).at("token").as_string());
  });
  const std::size_t wanted = tokens_.size() + 1;
  run_until([&] { return tokens_.size() == wanted; }, kLimit);
}

void EnrolWorld::join() {
  for (std::size_t i = 0; i < kMachines; ++i)
    machines_.push_back(std::make_unique<JoinNode>(surroundings_, i, tokens_.at(i / 2),
                                                   [this](const JoinNode& node, const auto& grant) { on_told(node, grant); }));
  steps_ = 0;
  for (auto& machine : machines_) machine->run();
  while (steps_ < plan_.step && findings_.empty() && step()) {
  }
  strike();
}

void EnrolWorld::strike() {
  const auto pause = [this] { return prng_.between(Duration{0}, std::chrono::seconds{2}); };
  switch (plan_.fault) {
    case EnrolFault::none: return;
    case EnrolFault::crash_scheduler: scheduler_.crash(false); return agenda_.after(pause(), [this] { scheduler_.start(); });
    case EnrolFault::crash_machines:
      for (auto& machine : machines_) {
        machine->crash();
        agenda_.after(pause(), [&machine] { machine->run(); });
      }
      return;
    case EnrolFault::reset_links:
      for (const auto id : network_.connections()) network_.reset(id);
      return;
    case EnrolFault::lose_answers:
      for (const auto id : network_.connections()) network_.break_end(id, Side::agent);
      return;
    case EnrolFault::full_disk: scheduler_.set_full(true); return agenda_.after(pause(), [this] { scheduler_.set_full(false); });
    case EnrolFault::slow_disk: return scheduler_.set_disk(std::chrono::seconds{3}, std::chrono::seconds{9});
  }
}

/// Whoever has not got in, and was not refused for good, has the line pasted once more.
void EnrolWorld::calm() {
  const auto is_done = [](const auto& machine) {
    return !machine->is_running() && (machine->key_file() || machine->refusal() == "token_used");
  };
  const Instant end = agenda_.now() + kLimit;
  for (Instant when = agenda_.now(); when < end; when += kPause)
    agenda_.at(when, [this] {
      for (auto& machine : machines_)
        if (machine->refusal() != "token_used") machine->run();
    });
  const auto at_rest = [&] { return scheduler_.is_quiet() && std::all_of(machines_.begin(), machines_.end(), is_done); };
  if (!run_until(at_rest, kLimit) && findings_.empty()) findings_.add("calm: a machine neither got in nor was refused");
}

std::vector<core::EnrolTokenRow> EnrolWorld::durable_tokens() const {
  std::vector<core::EnrolTokenRow> rows;
  [[maybe_unused]] const auto read = scheduler_.tables().each([&](const core::Row& row) -> Status {
    if (const auto* token = std::get_if<core::EnrolTokenRow>(&row)) rows.push_back(*token);
    return {};
  });
  return rows;
}

std::vector<core::AgentRow> EnrolWorld::durable_agents() const {
  std::vector<core::AgentRow> rows;
  [[maybe_unused]] const auto read = scheduler_.tables().each([&](const core::Row& row) -> Status {
    if (const auto* agent = std::get_if<core::AgentRow>(&row)) rows.push_back(*agent);
    return {};
  });
  return rows;
}

const core::EnrolTokenRow* EnrolWorld::find_token_of(const std::vector<core::EnrolTokenRow>& rows, const JoinNode& node) const {
  if (!node.signing_key()) return nullptr;
  const auto key = wire::public_key_of(*node.signing_key());
  const auto at = std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.agent && row.public_key == key; });
  return at == rows.end() ? nullptr : &*at;
}

/// Promise 1: at the moment a machine believes that it is in, the store says so.
void EnrolWorld::on_told(const JoinNode& node, const protocol::EnrolGrant& grant) {
  ++believed_;
  const auto tokens = durable_tokens();
  const auto* token = find_token_of(tokens, node);
  findings_.expect(token != nullptr && token->agent == grant.address.agent, "was told of a number that is not durable", node.name());
  const auto agents = durable_agents();
  const bool is_there = std::any_of(agents.begin(), agents.end(), [&](const auto& row) { return row.number == grant.address.agent; });
  findings_.expect(is_there, "was told of an agent that is not durable", node.name());
}

void EnrolWorld::judge() {
  const auto tokens = durable_tokens();
  const auto agents = durable_agents();
  findings_.expect(tokens.size() == kTokens, "some tokens are missing", "the store");
  findings_.expect(agents.size() == kTokens, "has another number of agents than tokens that were used", "the store");
  std::map<AgentNumber, std::string> owners;
  for (const auto& machine : machines_) {
    const auto* token = find_token_of(tokens, *machine);
    findings_.expect((token != nullptr) == machine->key_file().has_value(), "has a key file without a token, or a token without a key file",
                     machine->name());
    if (token == nullptr || !machine->key_file()) continue;
    findings_.expect(machine->key_file()->address.agent == token->agent, "has another number than its token", machine->name());
    findings_.expect(owners.emplace(token->agent, machine->name()).second, "has the number of another machine", machine->name());
  }
  findings_.expect(owners.size() == kTokens, "has let in another number of machines", "the cell");
  findings_.expect(machines_.back()->key_file().has_value(), "had a token of its own and did not get in", machines_.back()->name());
  for (const auto& problem : scheduler_.daemon()->core().check()) findings_.add("invariant: " + problem);
  for (const auto& machine : machines_)
    machine->counters().for_each_reason([&](std::string_view reason, std::uint64_t count) {
      const bool may_happen = reason == "ok" || reason == "handshake_timeout";
      if (count > 0 && !may_happen) findings_.add(machine->name() + " refused what an honest scheduler said: " + std::string(reason));
    });
}

/// The keys that they got are good.
void EnrolWorld::start_agents() {
  scheduler_.set_disk(std::chrono::microseconds{100}, std::chrono::milliseconds{2});
  for (const auto& machine : machines_) {
    if (!machine->key_file()) continue;
    AgentIdentity identity;
    identity.index = 10 + agents_.size();
    identity.number = machine->key_file()->address.agent;
    identity.key = {machine->key_file()->address.epoch, machine->key_file()->address.generation, machine->key_file()->key.bytes};
    identity.info.name = machine->name();
    identity.info.drivers = {"exec", "noop"};
    agents_.push_back(std::make_unique<AgentNode>(surroundings_, std::move(identity), prng_.next(),
                                                  [this](const std::string& bytes) { return scheduler_.keep_blob(bytes); }));
    agents_.back()->start();
  }
  const auto all_synced = [this] {
    return std::all_of(agents_.begin(), agents_.end(), [](const auto& agent) { return agent->is_synced(); });
  };
  if (!run_until(all_synced, kLimit) && findings_.empty()) findings_.add("an agent that has enrolled gets no session");
}

bool EnrolWorld::step() {
  if (!agenda_.run_next()) return false;
  if (++steps_ > kStepsMax) findings_.add("more than " + std::to_string(kStepsMax) + " steps: something goes round in circles");
  return findings_.empty();
}

template <class Done>
bool EnrolWorld::run_until(Done is_done, Duration limit) {
  const Instant end = agenda_.now() + limit;
  while (findings_.empty() && agenda_.now() <= end) {
    if (is_done()) return true;
    if (!step()) return false;
  }
  return false;
}

}  // namespace stint::sim
