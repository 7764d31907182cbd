#include "sim/client.hpp"

#include <boost/json.hpp>
#include <utility>

#include "core/model/job_json.hpp"

namespace stint::sim {
namespace {

constexpr Duration kRetryPause = std::chrono::milliseconds{700};
constexpr Duration kPatience = std::chrono::seconds{20};

ports::HttpRequest make_request(const char* method, std::string path, std::string body = {}) {
  ports::HttpRequest request;
  request.method = method;
  request.path = std::move(path);
  request.body = std::move(body);
  return request;
}

std::string path_of(JobId job) { return "/v1/jobs/" + std::to_string(job.value); }

}  // namespace

Client::Client(Surroundings world, SchedulerNode& scheduler) : world_(world), scheduler_(scheduler) { scheduler_.listen(this); }

void Client::ask(ports::HttpRequest request, OnAnswer on_answer) {
  const ports::RequestId id{++last_.value};
  request.id = id;
  asked_[id] = std::move(on_answer);
  world_.agenda.after(world_.network.latency(), [this, id, request = std::move(request)] {
    if (!scheduler_.request(request)) answer(id, nullptr);
  });
  world_.agenda.after(kPatience, [this, id] {
    if (!asked_.contains(id)) return;
    answer(id, nullptr);
    scheduler_.request_closed(id);
  });
}

void Client::answer(ports::RequestId id, const ports::HttpResponse* response) {
  auto found = asked_.extract(id);
  if (!found.empty() && found.mapped()) found.mapped()(response);
}

void Client::on_response(ports::RequestId id, const ports::HttpResponse& response) {
  const bool is_lost = world_.prng.chance(loss_, 100);
  if (is_lost) ++lost_answers_;
  world_.agenda.after(world_.network.latency(), [this, id, response, is_lost] {
    if (id == events_) return on_stream_ended(id);  // refused
    answer(id, is_lost ? nullptr : &response);
  });
}

void Client::submit(const core::JobSpec& spec, const std::string& key) {
  ++submitting_;
  try_submit(core::to_json(spec), key);
}

void Client::try_submit(const std::string& body, const std::string& key) {
  auto request = make_request("POST", "/v1/jobs", body);
  request.idempotency_key = key;
  ask(std::move(request), [this, body, key](const ports::HttpResponse* response) {
    if (response != nullptr && (response->status == 200 || response->status == 201)) {
      --submitting_;
      return;
    }
    if (response != nullptr && response->status < 500) return world_.findings.add("a good job was refused: " + response->body);
    world_.agenda.after(kRetryPause, [this, body, key] { try_submit(body, key); });
  });
}

void Client::register_agent(const std::string& name, std::function<void(AgentNumber, KeyEpoch, const Bytes& key)> on_key) {
  ask(make_request("POST", "/v1/agents", R"({"name":")" + name + R"("})"), [this, on_key = std::move(on_key)](
                                                                               const ports::HttpResponse* response) {
    if (response == nullptr || response->status != 201) return world_.findings.add("an agent could not be registered");
    const auto value = boost::json::parse(response->body);
    const auto& object = value.as_object();
    Bytes key;
    if (!from_hex(std::string_view(object.at("key").as_string()), key)) return world_.findings.add("an agent's key is not hexadecimal");
    on_key(AgentNumber{object.at("number").to_number<std::uint64_t>()}, KeyEpoch{object.at("key_epoch").to_number<std::uint16_t>()}, key);
  });
}

void Client::cancel(JobId job, const std::string& task) {
  ask(make_request("POST", path_of(job) + "/cancel", task.empty() ? std::string() : R"({"task":")" + task + R"("})"), {});
}

void Client::retry(JobId job, const std::string& key) {
  auto request = make_request("POST", path_of(job) + "/retry");
  request.idempotency_key = key;
  ++submitting_;
  ask(std::move(request), [this, job, key](const ports::HttpResponse* response) {
    --submitting_;
    if (response != nullptr && response->status < 500) return;
    ++submitting_;
    world_.agenda.after(kRetryPause, [this, job, key] {
      --submitting_;
      retry(job, key);
    });
  });
}

void Client::post(const std::string& path, std::string body, const std::string& token, OnAnswer on_answer) {
  auto request = make_request("POST", path, std::move(body));
  request.bearer_token = token;
  ask(std::move(request), std::move(on_answer));
}

void Client::list_tasks(JobId job) {
  auto request = make_request("GET", path_of(job) + "/tasks");
  request.query = {{"limit", "1000"}};
  ask(std::move(request), {});
}

void Client::show_job(JobId job) { ask(make_request("GET", path_of(job)), {}); }

void Client::explain(const std::string& task) { ask(make_request("GET", "/v1/tasks/" + task + "/explain"), {}); }

void Client::drain(const std::string& agent, bool is_draining) {
  auto request = make_request("POST", "/v1/agents/" + agent + "/drain", is_draining ? R"({"draining":true})" : R"({"draining":false})");
  ask(std::move(request), [this, agent, is_draining](const ports::HttpResponse* response) {
    const bool is_done = response != nullptr && response->status == 200;
    if (!is_done && !is_draining) world_.agenda.after(kRetryPause, [this, agent] { drain(agent, false); });
  });
}

void Client::command(const std::string& path, const std::string& body, OnAnswer on_answer) {
  ask(make_request("POST", path, body), std::move(on_answer));
}

void Client::remove(const std::string& path) { ask(make_request("DELETE", path), {}); }

void Client::revoke(const std::string& agent) {
  ++submitting_;
  ask(make_request("POST", "/v1/agents/" + agent + "/revoke"), [this, agent](const ports::HttpResponse* response) {
    --submitting_;
    if (response != nullptr && response->status == 200) return;
    ++submitting_;
    world_.agenda.after(kRetryPause, [this, agent] {
      --submitting_;
      revoke(agent);
    });
  });
}

void Client::follow_events() {
  events_ = {++last_.value};
  auto request = make_request("GET", "/v1/events");
  request.id = events_;
  request.accept = "text/event-stream";
  request.query = {{"after", "0"}};
  request.last_event_id = last_event_;
  world_.agenda.after(world_.network.latency(), [this, request = std::move(request)] {
    if (!scheduler_.request(request)) on_stream_ended(request.id);
  });
}

void Client::follow_output(const TaskRef& task, const std::string& name) {
  auto request = make_request("GET", "/v1/tasks/" + name + "/logs");
  request.id = {++last_.value};
  request.query = {{"follow", "1"}};
  readers_.emplace(request.id, LogReader(task, world_.findings));
  world_.agenda.after(world_.network.latency(), [this, request = std::move(request)] {
    if (!scheduler_.request(request)) readers_.erase(request.id);
  });
}

void Client::on_stream_begun(ports::RequestId id) {
  world_.agenda.after(world_.network.latency(), [this, id] { scheduler_.stream_writable(id); });
}

void Client::on_stream_bytes(ports::RequestId id, const std::string& bytes) {
  const bool is_broken = world_.prng.chance(loss_, 1000);
  if (is_broken) ++lost_answers_;
  world_.agenda.after(world_.network.latency(), [this, id, bytes, is_broken] {
    if (const auto reader = readers_.find(id); reader != readers_.end()) {
      reader->second.read(bytes);
      if (reader->second.is_at_end()) {
        finished_readers_.push_back(reader->second);
        readers_.erase(reader);
      }
      scheduler_.stream_writable(id);
    }
    if (id != events_) return;
    if (is_broken) {
      scheduler_.request_closed(id);
      return on_stream_ended(id);
    }
    read_events(bytes);
    scheduler_.stream_writable(id);
  });
}

void Client::on_stream_ended(ports::RequestId id) {
  if (id != events_) return answer(id, nullptr);
  events_ = {};
  world_.agenda.after(kRetryPause, [this] {
    if (!events_) follow_events();
  });
}

/// Events come in rising order and none twice: the cursor goes up by ids alone.
void Client::read_events(const std::string& bytes) {
  for (std::size_t at = bytes.find("id: "); at != std::string::npos; at = bytes.find("\nid: ", at)) {
    at = bytes.find(' ', at) + 1;
    const std::string id = bytes.substr(at, bytes.find('\n', at) - at);
    const std::uint64_t before = last_event_.empty() ? 0 : std::stoull(last_event_);
    world_.findings.expect(std::stoull(id) == before + 1, "does not follow the last one that was told",
                           "event " + id + " after " + std::to_string(before));
    last_event_ = id;
  }
}

}  // namespace stint::sim
