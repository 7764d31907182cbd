#include "sim/operators.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <iterator>

namespace stint::sim {
namespace {

constexpr Duration kDrainMax = std::chrono::seconds{60};

Duration pause(Prng& draw, Duration longest) { return draw.between(Duration{0}, longest); }

}  // namespace

void Operators::drain(AgentNode& agent, Prng& draw) {
  const std::string& name = agent.identity().info.name;
  world_.faults.add(Fault::drain_agent);
  client_.drain(name, true);
  world_.agenda.after(pause(draw, kDrainMax), [this, name] { client_.drain(name, false); });
}

void Operators::drain_by(AgentNode& agent, Prng& draw) {
  const std::string& name = agent.identity().info.name;
  world_.faults.add(Fault::drain_deadline);
  const auto deadline = to_ms(std::chrono::seconds{1} + pause(draw, std::chrono::seconds{20}));
  client_.command("/v1/agents/" + name + "/drain", R"({"draining":true,"deadline_ms":)" + std::to_string(deadline) + "}");
  world_.agenda.after(pause(draw, kDrainMax), [this, name] { client_.drain(name, false); });
}

void Operators::rotate_keys(Prng& draw) {
  const auto grace = to_ms(std::chrono::seconds{1} + pause(draw, std::chrono::seconds{40}));
  world_.faults.add(Fault::rotate_keys);
  client_.command("/v1/keys/rotate", "{\"grace_ms\":" + std::to_string(grace) + "}");
}

/// At once only if every agent has a newer key: who has none must be registered anew, and nobody does that here.
void Operators::retire_some_key(Prng& draw) {
  if (!scheduler_.is_running()) return;
  const auto& keys = scheduler_.daemon()->keys();
  for (const auto& row : keys.rows()) {
    const auto state = keys.state_of(row.epoch);
    if (state == scheduler::KeyState::removed || row.epoch >= keys.current_epoch()) continue;
    const bool is_left_by_all = std::all_of(agents_.begin(), agents_.end(), [&](const auto& agent) {
      return agent->is_revoked() || agent->keys().keys().front().epoch > row.epoch;
    });
    const bool is_now = is_left_by_all && draw.chance(1, 2);
    world_.faults.add(Fault::retire_key);
    return client_.command("/v1/keys/retire", "{\"key_epoch\":" + std::to_string(row.epoch.value) + (is_now ? ",\"now\":true}" : "}"));
  }
}

/// One at most, and never the last two: somebody must do the work.
void Operators::revoke_some_agent(Prng& draw) {
  const bool is_done = std::any_of(agents_.begin(), agents_.end(), [](const auto& agent) { return agent->is_revoked(); });
  if (is_done || agents_.size() < 3) return;
  AgentNode& agent = *agents_[draw.below(agents_.size())];
  world_.faults.add(Fault::revoke_agent);
  agent.set_revoked();
  client_.revoke(agent.identity().info.name);
}

/// One that did not complete; or one that is still at work, which is refused.
void Operators::retry_some_job(Prng& draw) {
  if (durable_.jobs().empty()) return;
  std::vector<JobId> jobs;
  for (const auto& [id, job] : durable_.jobs())
    if (durable_.state_of(id) == TaskStatus::failed || durable_.state_of(id) == TaskStatus::cancelled) jobs.push_back(id);
  if (jobs.empty()) jobs.push_back(durable_.jobs().begin()->first);
  world_.faults.add(Fault::retry_job);
  client_.retry(jobs[draw.below(jobs.size())], "retry-" + std::to_string(++retries_));
}

bool Operators::pick_told_job(Prng& draw, JobId& job) const {
  if (told_.jobs().empty()) return false;
  auto at = told_.jobs().begin();
  std::advance(at, static_cast<std::ptrdiff_t>(draw.below(told_.jobs().size())));
  job = at->second;
  return true;
}

void Operators::cancel_something(Prng& draw) {
  JobId job;
  if (!pick_told_job(draw, job)) return;
  world_.faults.add(Fault::cancel);
  client_.cancel(job, draw.chance(1, 2) ? std::string() : std::string("t0"));
}

void Operators::look(Prng& draw) {
  JobId job;
  if (!pick_told_job(draw, job)) return;
  world_.faults.add(Fault::look);
  switch (draw.below(4)) {
    case 0: return client_.list_tasks(job);
    case 1: return client_.show_job(job);
    case 2: return follow_some_output(job, draw);
    default: return client_.explain(std::to_string(job.value) + ".t0");
  }
}

void Operators::change_tokens(Prng& draw) {
  world_.faults.add(Fault::tokens);
  if (!token_paths_.empty() && draw.chance(1, 2)) return client_.remove(token_paths_[draw.below(token_paths_.size())]);
  const bool is_for_agent = draw.chance(1, 2);
  const std::string name = "token" + std::to_string(++tokens_);
  const std::string ttl = std::to_string(1 + draw.below(120'000));
  const std::string path = is_for_agent ? "/v1/agents/tokens" : "/v1/tokens";
  const std::string body = "{\"name\":\"" + name + "\",\"ttl_ms\":" + ttl + (is_for_agent ? "}" : ",\"scopes\":[\"read\"]}");
  client_.command(path, body, [this, path, name, is_for_agent](const ports::HttpResponse* response) {
    if (response == nullptr || response->status != 201) return;
    const auto answer = boost::json::parse(response->body);
    token_paths_.push_back(path + "/" + (is_for_agent ? std::string(answer.at("id").as_string()) : name));
  });
}

void Operators::follow_some_output(JobId job, Prng& draw) {
  const auto* row = durable_.find_job(job);
  if (row == nullptr) return;
  const auto group = static_cast<std::uint32_t>(draw.below(row->spec->tasks.size()));
  const std::uint64_t tasks = durable_.size_of({job, group}).value_or(0);
  if (tasks == 0) return;
  const TaskRef task{job, group, static_cast<std::uint32_t>(draw.below(tasks))};
  client_.follow_output(task, durable_.name_of(task));
}

}  // namespace stint::sim
