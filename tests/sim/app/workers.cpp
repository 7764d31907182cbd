#include "sim/app/workers.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <deque>
#include <string>
#include <utility>

namespace stint::sim {
namespace {

namespace json = boost::json;

constexpr unsigned kSeedSecondsMax = 300;  // of real time, a thousand times what a seed takes

/// A child with its share of the seeds. It writes a line when it begins a seed and one with the outcome when it has ended it.
struct Worker {
  std::deque<std::uint64_t> seeds;  ///< not yet ended; the first may have begun
  pid_t pid = -1;
  int fd = -1;
  std::string input;
};

std::string to_line(const Outcome& outcome) {
  json::array findings;
  for (const auto& finding : outcome.findings) findings.emplace_back(finding);
  json::array faults;
  for (std::size_t kind = 0; kind < kFaults; ++kind) faults.emplace_back(outcome.faults.of(static_cast<Fault>(kind)));
  json::array situations;
  for (const auto& situation : outcome.situations) situations.emplace_back(situation);
  return json::serialize(json::object{{"seed", outcome.seed},
                                      {"findings", std::move(findings)},
                                      {"steps", outcome.steps},
                                      {"virtual_ms", outcome.virtual_ms},
                                      {"trace_hash", outcome.trace_hash},
                                      {"facts", outcome.facts},
                                      {"executions", outcome.executions},
                                      {"reloads", outcome.reloads},
                                      {"faults", std::move(faults)},
                                      {"situations", std::move(situations)}}) +
         "\n";
}

Outcome from_line(const std::string& line) {
  const auto value = json::parse(line);
  const auto& object = value.as_object();
  const auto number = [&](const char* key) { return object.at(key).to_number<std::uint64_t>(); };
  Outcome outcome;
  outcome.seed = number("seed");
  for (const auto& finding : object.at("findings").as_array()) outcome.findings.emplace_back(finding.as_string());
  outcome.steps = number("steps");
  outcome.virtual_ms = object.at("virtual_ms").to_number<std::int64_t>();
  outcome.trace_hash = number("trace_hash");
  outcome.facts = number("facts");
  outcome.executions = number("executions");
  outcome.reloads = number("reloads");
  const auto& faults = object.at("faults").as_array();
  for (std::size_t kind = 0; kind < kFaults; ++kind)
    outcome.faults.add(static_cast<Fault>(kind), faults.at(kind).to_number<std::uint64_t>());
  for (const auto& situation : object.at("situations").as_array()) outcome.situations.emplace(situation.as_string());
  return outcome;
}

void run_into(Plan plan, int fd) {
  ::alarm(kSeedSecondsMax);
  World world(std::move(plan));
  const std::string line = to_line(world.run());
  for (std::size_t done = 0; done < line.size();) {
    const auto written = ::write(fd, line.data() + done, line.size() - done);
    if (written <= 0) _exit(1);
    done += static_cast<std::size_t>(written);
  }
}

[[noreturn]] void work(const std::deque<std::uint64_t>& seeds, const FaultChoice& choice, int fd) {
  for (const auto seed : seeds) run_into(draw_plan(seed, choice), fd);
  _exit(0);
}

std::string describe_death(int status) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
    return "something goes round in circles: no end after " + std::to_string(kSeedSecondsMax) + " s";
  return WIFSIGNALED(status) ? "the process died of signal " + std::to_string(WTERMSIG(status)) + ": a broken assertion, or worse"
                             : "the process ended early with status " + std::to_string(WEXITSTATUS(status));
}

Status start(Worker& worker, const FaultChoice& choice) {
  int ends[2];
  if (::pipe(ends) != 0) return fail(Errc::io, std::string("pipe: ") + std::strerror(errno));
  worker.pid = ::fork();
  if (worker.pid < 0) return fail(Errc::io, std::string("fork: ") + std::strerror(errno));
  if (worker.pid == 0) {
    ::close(ends[0]);
    work(worker.seeds, choice, ends[1]);
  }
  ::close(ends[1]);
  worker.fd = ends[0];
  worker.input.clear();
  return {};
}

/// The process has ended. If seeds are left, the first of them ended it.
Outcome bury(Worker& worker) {
  ::close(std::exchange(worker.fd, -1));
  int status = 0;
  ::waitpid(worker.pid, &status, 0);
  Outcome outcome;
  outcome.seed = worker.seeds.front();
  worker.seeds.pop_front();
  outcome.findings.push_back(describe_death(status));
  return outcome;
}

void stop(std::vector<Worker>& workers) {
  for (auto& worker : workers) {
    if (worker.fd < 0) continue;
    ::kill(worker.pid, SIGKILL);
    ::close(std::exchange(worker.fd, -1));
    ::waitpid(worker.pid, nullptr, 0);
  }
}

/// Reads what is there.  False: `on_outcome` wants to stop.
Result<bool> serve(Worker& worker, const FaultChoice& choice, const std::function<bool(const Outcome&)>& on_outcome) {
  char buffer[16384];
  const auto got = ::read(worker.fd, buffer, sizeof buffer);
  if (got <= 0) {
    if (worker.seeds.empty()) {
      ::close(std::exchange(worker.fd, -1));
      ::waitpid(worker.pid, nullptr, 0);
      return true;
    }
    const bool goes_on = on_outcome(bury(worker));
    if (goes_on && !worker.seeds.empty()) STINT_TRY_VOID(start(worker, choice));
    return goes_on;
  }
  worker.input.append(buffer, static_cast<std::size_t>(got));
  for (auto end = worker.input.find('\n'); end != std::string::npos; end = worker.input.find('\n')) {
    const Outcome outcome = from_line(worker.input.substr(0, end));
    worker.input.erase(0, end + 1);
    worker.seeds.pop_front();
    if (!on_outcome(outcome)) return false;
  }
  return true;
}

}  // namespace

Outcome run_apart(const Plan& plan) {
  Outcome outcome;
  outcome.seed = plan.seed;
  int ends[2];
  if (::pipe(ends) != 0) return outcome;
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(ends[0]);
    run_into(plan, ends[1]);
    _exit(0);
  }
  ::close(ends[1]);
  std::string line;
  char buffer[16384];
  for (auto got = ::read(ends[0], buffer, sizeof buffer); got > 0; got = ::read(ends[0], buffer, sizeof buffer))
    line.append(buffer, static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (line.ends_with('\n')) return from_line(line);
  outcome.findings.push_back(describe_death(status));
  return outcome;
}

Status run_seeds(const std::vector<std::uint64_t>& seeds, const FaultChoice& choice, std::size_t jobs,
                 const std::function<bool(const Outcome&)>& on_outcome) {
  std::vector<Worker> workers(std::min(jobs, seeds.size()));
  for (std::size_t i = 0; i < seeds.size(); ++i) workers[i % workers.size()].seeds.push_back(seeds[i]);
  Status status;
  for (auto& worker : workers)
    if (status) status = start(worker, choice);
  while (status) {
    std::vector<pollfd> waits;
    std::vector<Worker*> served;
    for (auto& worker : workers) {
      if (worker.fd < 0) continue;
      waits.push_back({worker.fd, POLLIN, 0});
      served.push_back(&worker);
    }
    if (waits.empty()) return {};
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) status = fail(Errc::io, std::string("poll: ") + std::strerror(errno));
    for (std::size_t i = 0; status && i < waits.size(); ++i) {
      if (waits[i].revents == 0) continue;
      const auto goes_on = serve(*served[i], choice, on_outcome);
      if (!goes_on) status = tl::unexpected(goes_on.error());
      if (goes_on && !*goes_on) {
        stop(workers);
        return {};
      }
    }
  }
  stop(workers);
  return status;
}

}  // namespace stint::sim
