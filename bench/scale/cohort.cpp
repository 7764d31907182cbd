#include "bench/scale/cohort.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <thread>

#include "base/bytes.hpp"

namespace stint::bench {
namespace {

namespace json = boost::json;

constexpr std::uint32_t kConnections = 32;

Result<SwarmAgent> register_agent(ports::HttpClient& api, std::uint32_t number) {
  const std::string body = json::serialize(json::object{{"name", "swarm-" + std::to_string(number)}});
  STINT_TRY(const auto answer, api.call({"POST", "/v1/agents", {}, body, std::chrono::seconds(60)}));
  if (answer.status != 201) return fail(Errc::io, "POST /v1/agents: " + answer.body);
  const auto told = json::parse(answer.body);
  SwarmAgent agent;
  agent.number = AgentNumber{told.at("number").to_number<std::uint64_t>()};
  agent.epoch = KeyEpoch{told.at("key_epoch").to_number<std::uint16_t>()};
  Bytes key;
  if (!from_hex(told.at("key").as_string(), key) || key.size() != agent.key.size()) return fail(Errc::io, "POST /v1/agents: no key");
  std::copy(key.begin(), key.end(), agent.key.begin());
  return agent;
}

Status register_share(const adapters::HttpEndpoint& endpoint, std::uint32_t first, std::vector<SwarmAgent>& agents) {
  adapters::BeastHttpClient api([&endpoint]() -> Result<adapters::HttpEndpoint> { return endpoint; });
  for (std::uint32_t number = first; number < agents.size(); number += kConnections) {
    STINT_TRY(agents[number], register_agent(api, number));
  }
  return {};
}

}  // namespace

Result<std::vector<SwarmAgent>> register_agents(const CellProcesses& cell, std::uint32_t count) {
  std::vector<SwarmAgent> agents(count);
  std::vector<Status> outcomes(std::min(count, kConnections));
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < outcomes.size(); ++i)
    threads.emplace_back([&, i] { outcomes[i] = register_share(cell.endpoint(), i, agents); });
  for (auto& thread : threads) thread.join();
  for (const auto& outcome : outcomes) STINT_TRY_VOID(outcome);
  return agents;
}

Status submit_job(CellProcesses& cell, const std::string& text) {
  STINT_TRY(const auto answer, cell.api().call({"POST", "/v1/jobs", {}, text, std::chrono::minutes(2)}));
  if (answer.status != 201) return fail(Errc::io, "POST /v1/jobs: " + answer.body);
  return {};
}

}  // namespace stint::bench
