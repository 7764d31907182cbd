#include "sim/keeper.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace stint::sim {
namespace {

constexpr std::uint32_t kSteps = 3;                                  // moments at which a process prints and reports
constexpr std::size_t kOutputChunk = 4096;
constexpr Duration kHang = std::chrono::hours{24};                   // of a process that only its timeout ends
constexpr Duration kLeashKill = std::chrono::seconds{80};           // as the real one's
constexpr std::int32_t kSigterm = 15;
constexpr std::int32_t kSigkill = 9;

std::string item_of(const ports::LaunchSpec& spec) {
  if (spec.stage && spec.stage->is_batch) return spec.stage->item;
  for (const auto& [name, value] : spec.env)
    if (name == "STINT_ITEM") return value;
  return {};
}

std::uint64_t argument(const ports::LaunchSpec& spec, std::size_t at) {
  return at < spec.command.size() ? std::strtoull(spec.command[at].c_str(), nullptr, 10) : 0;
}

}  // namespace

std::string name_of(const AttemptRef& ref) {
  return std::to_string(ref.task.job.value) + ":" + std::to_string(ref.task.group) + ":" + std::to_string(ref.task.index) + "@" +
         std::to_string(ref.attempt);
}

std::uint8_t printed_byte(const AttemptRef& ref, std::uint8_t stream, std::uint64_t offset) {
  const std::uint64_t place = offset * 31 + ref.task.index * 7 + ref.attempt * 13 + ref.task.job.value * 3 + stream;
  return static_cast<std::uint8_t>('a' + place % 26);
}

std::string list_left_by(const AttemptRef& ref) {
  Prng prng(0x11575ULL ^ std::hash<AttemptRef>{}(ref));
  std::string text;
  for (std::uint64_t line = prng.below(5); line > 0; --line) {
    text += name_of(ref) + "-" + std::to_string(line) + "\n";
    if (prng.chance(1, 6)) text += "\n";  // an empty line is no item
  }
  if (!text.empty() && prng.chance(1, 3)) text.pop_back();  // nor is the last one always ended
  return text;
}

void Keeper::attach(std::function<void()> wake_agent) {
  wake_ = std::move(wake_agent);
  events_.clear();
  if (is_away_) return;  // a DriverReady follows when it is back
  for (const auto& [ref, process] : processes_) events_.emplace_back(ports::DriverHeld{ref, process.has_ended});
  events_.emplace_back(ports::DriverReady{});
  for (auto& [ref, process] : processes_) {
    process.requests = {};
    events_.emplace_back(ports::DriverStarted{ref, process.end.started_ms, 1});
    for (std::uint32_t i = 1; i <= process.steps_done; ++i) events_.emplace_back(ports::DriverReport{ref, report_line(ref, i), 0});
    if (!process.result_line.empty()) events_.emplace_back(ports::DriverReport{ref, process.result_line, 0});
    if (process.has_ended) events_.emplace_back(process.end);
  }
  wake();
}

void Keeper::detach() {
  wake_ = nullptr;
  if (!alone_since_ || *alone_since_ > agenda_.now()) set_alone_since(clock_.now().mono);
}

void Keeper::set_alone_since(Instant since) {
  alone_since_ = agenda_.now() - (clock_.now().mono - since);
  for (const auto& [ref, process] : processes_) watch_leash(ref, process);
}

void Keeper::watch_leash(const AttemptRef& ref, const Process& process) {
  if (!alone_since_ || process.has_ended || process.spec.stop_after <= Duration{0}) return;
  const Instant since = *alone_since_;
  const Instant due = since + process.spec.stop_after;
  urgent(due, [this, ref, since, life = process.life] {
    const auto found = processes_.find(ref);
    if (alone_since_ != since || found == processes_.end() || found->second.life != life || found->second.has_ended) return;
    trace_.note(name_, name_of(ref) + " has been alone for too long");
    const Instant last = since + found->second.spec.stop_after + kLeashKill;
    const Duration grace = std::clamp<Duration>(last - agenda_.now(), Duration{0}, found->second.spec.kill_grace);
    urgent(agenda_.now() + grace, [this, ref, life] { end(ref, life, EndReason::lost, 0, kSigterm); });
  });
}

void Keeper::later(Instant when, Agenda::Action action) { wait_awake(when, false, std::move(action)); }
void Keeper::urgent(Instant when, Agenda::Action action) { wait_awake(when, true, std::move(action)); }

void Keeper::wait_awake(Instant when, bool is_urgent, Agenda::Action action) {
  agenda_.at(when, [this, is_urgent, action = std::move(action)] {
    if (!is_asleep_) return action();
    (is_urgent ? urgent_ : postponed_).push_back(action);
  });
}

/// The leash first: its timer runs by the clock that did not sleep, and a task that has been alone for too long does no more work.
void Keeper::wake_up() {
  is_asleep_ = false;
  for (auto* waiting : {&urgent_, &postponed_})
    for (const auto& action : std::exchange(*waiting, {})) action();
}

bool Keeper::runs_leashed() const {
  return std::any_of(processes_.begin(), processes_.end(),
                     [](const auto& entry) { return !entry.second.has_ended && entry.second.spec.stop_after > Duration{0}; });
}

bool Keeper::runs_leashed(const TaskRef& task) const {
  if (is_asleep_) return false;  // nothing runs
  return std::any_of(processes_.begin(), processes_.end(), [&](const auto& entry) {
    return entry.first.task == task && !entry.second.has_ended && entry.second.spec.stop_after > Duration{0};
  });
}

void Keeper::start(ports::LaunchSpec spec) {
  if (is_away_) return;
  const AttemptRef ref = spec.ref;
  findings_.expect(started_.insert(ref).second, "was started twice", name_ + ": " + name_of(ref));
  Process process;
  process.spec = std::move(spec);
  process.started = agenda_.now();
  process.life = ++lives_;
  process.end.ref = ref;
  process.end.started_ms = to_ms(clock_.now().wall);
  Duration run{0};
  decide(process, run);
  if (process.end.reason == EndReason::refused || process.end.reason == EndReason::start_failed) {
    process.end.started_ms = 0;
    process.end.ended_ms = to_ms(clock_.now().wall);
    process.has_ended = true;
    tell(process.end);
    executions_.insert_or_assign(ref, Execution{ref, true, process.end.reason, 0, {}, {}, {}, {}});
    processes_.insert_or_assign(ref, std::move(process));
    return;
  }
  check_room(process);
  if (process.spec.stop_after > Duration{0} && runs_elsewhere_)
    findings_.expect(!runs_elsewhere_(ref.task), "stop_after: was started while another attempt of its task still runs",
                     name_ + ": " + name_of(ref));
  trace_.note(name_, "starts " + name_of(ref) + " for " + std::to_string(to_ms(run)) + " ms");
  executions_.insert_or_assign(ref, Execution{ref, false, EndReason::none, 0, {}, {}, {}, item_of(process.spec)});
  const std::uint64_t life = process.life;
  tell(ports::DriverStarted{ref, process.end.started_ms, 1});
  const auto& stored = processes_.insert_or_assign(ref, std::move(process)).first->second;
  watch_leash(ref, stored);
  for (std::uint32_t i = 1; i <= kSteps; ++i) later(agenda_.now() + run * i / (kSteps + 1), [this, ref, life] { step(ref, life); });
  later(agenda_.now() + run, [this, ref, life, reason = stored.end.reason, code = stored.end.exit_code, signal = stored.end.signal] {
    end(ref, life, reason, code, signal);
  });
}

/// How it will end, if nobody stops it: drawn from the attempt's own generator, so that it does not depend on what happens elsewhere.
void Keeper::decide(Process& process, Duration& run) {
  const AttemptRef& ref = process.spec.ref;
  Prng prng(seed_ ^ std::hash<AttemptRef>{}(ref));
  run = prng.between(std::chrono::milliseconds{1}, from_ms(static_cast<std::int64_t>(argument(process.spec, 1)) + 1));
  process.total[0] = prng.below(argument(process.spec, 3) + 1);
  process.total[1] = prng.below(argument(process.spec, 3) / 8 + 1);
  process.end.reason = EndReason::exit;
  if (prng.chance(argument(process.spec, 2), 100)) {
    switch (prng.below(is_refusing_ ? 7 : 6)) {
      case 0: process.end.reason = EndReason::signal, process.end.signal = kSigkill; break;
      case 1: process.end.reason = EndReason::oom, process.end.signal = kSigkill; break;
      case 2: process.end.reason = EndReason::start_failed; break;
      case 3: run = process.spec.timeout > Duration{0} ? kHang : run; [[fallthrough]];
      default: process.end.exit_code = static_cast<std::int32_t>(1 + prng.below(100)); break;
      case 6: process.end.reason = EndReason::refused; break;
    }
  }
  if (process.spec.timeout > Duration{0} && run > process.spec.timeout) {
    run = process.spec.timeout;
    process.end.reason = EndReason::timeout;
    process.end.exit_code = 0;
    process.end.signal = kSigterm;
  }
}

/// Never over-commit, seen from the machine: what really runs at once fits what it offers, and no GPU has two users.
void Keeper::check_room(const Process& newcomer) {
  Resources used = newcomer.spec.resources;
  for (const auto& [ref, process] : processes_) {
    if (process.has_ended) continue;
    used += process.spec.resources;
    for (const auto gpu : newcomer.spec.gpus)
      findings_.expect(std::find(process.spec.gpus.begin(), process.spec.gpus.end(), gpu) == process.spec.gpus.end(), "a GPU has two users",
                       name_ + ": " + name_of(newcomer.spec.ref));
  }
  findings_.expect(offered_.covers(used), "runs more than it has", name_);
}

std::string Keeper::report_line(const AttemptRef& ref, std::uint32_t step) {
  return R"({"progress":)" + std::to_string(step) + "e-1,\"step\":" + std::to_string(step) + R"(,"metrics":{"loss":)" +
         std::to_string(ref.task.index % 7) + "." + std::to_string(step) + "}}\n";
}

void Keeper::step(const AttemptRef& ref, std::uint64_t life) {
  const auto found = processes_.find(ref);
  if (found == processes_.end() || found->second.life != life || found->second.has_ended) return;
  Process& process = found->second;
  ++process.steps_done;
  for (std::size_t i = 0; i < 2; ++i) process.written[i] = process.total[i] * process.steps_done / (kSteps + 1);
  tell(ports::DriverReport{ref, report_line(ref, process.steps_done), 0});
  tell_output(process, 1);
  tell_output(process, 2);
}

void Keeper::stop(const AttemptRef& ref, ports::Driver::StopMode mode) {
  const auto found = processes_.find(ref);
  if (is_away_ || found == processes_.end() || found->second.has_ended) return;
  const bool at_once = mode == ports::Driver::StopMode::kill;
  if (std::exchange(found->second.is_stopping, true) && !at_once) return;
  const Duration grace = at_once ? Duration{0} : found->second.spec.kill_grace / 2;
  trace_.note(name_, "is asked to stop " + name_of(ref));
  later(agenda_.now() + grace, [this, ref, life = found->second.life] { end(ref, life, EndReason::cancelled, 0, kSigterm); });
}

void Keeper::end(const AttemptRef& ref, std::uint64_t life, EndReason reason, std::int32_t exit_code, std::int32_t signal) {
  const auto found = processes_.find(ref);
  if (found == processes_.end() || found->second.life != life || found->second.has_ended) return;
  Process& process = found->second;
  process.has_ended = true;
  if (reason == EndReason::exit) process.written = process.total;
  process.end.reason = reason;
  process.end.exit_code = exit_code;
  process.end.signal = signal;
  process.end.ended_ms = to_ms(clock_.now().wall);
  process.end.stdout_bytes = process.written[0];
  process.end.stderr_bytes = process.written[1];
  if (reason == EndReason::exit && exit_code == 0) leave_something(process);
  Execution& seen = executions_.at(ref);
  seen.has_ended = true;
  seen.reason = reason;
  seen.exit_code = exit_code;
  seen.output_bytes = process.written;
  trace_.note(name_, name_of(ref) + " ends: " + std::string{to_string(reason)} + " " + std::to_string(exit_code));
  tell_output(process, 1);
  tell_output(process, 2);
  if (!process.result_line.empty()) tell(ports::DriverReport{ref, process.result_line, 0});
  tell(process.end);
}

void Keeper::leave_something(Process& process) {
  const AttemptRef& ref = process.spec.ref;
  Execution& seen = executions_.at(ref);
  if (process.spec.stage)
    for (const std::string& path : process.spec.stage->outputs) {
      const std::string bytes = path == kListFile ? list_left_by(ref) : path + " of " + name_of(ref) + "\n";
      process.end.outputs.push_back({keep_blob_(bytes), bytes.size(), false, path});
    }
  seen.outputs = process.end.outputs;
  if (argument(process.spec, 4) == 0) return;
  seen.result = "{\"by\":\"" + name_of(ref) + "\"}";
  process.result_line = "{\"result\":" + seen.result + "}\n";
}

void Keeper::request_output(const AttemptRef& ref, std::uint8_t stream, std::uint64_t offset, std::size_t max_bytes) {
  const auto found = processes_.find(ref);
  if (is_away_ || found == processes_.end() || stream < 1 || stream > 2) return;
  found->second.requests[stream - 1u] = {offset, max_bytes};
  tell_output(found->second, stream);
}

void Keeper::tell_output(Process& process, std::uint8_t stream) {
  Request& request = process.requests[stream - 1u];
  const std::uint64_t end = process.written[stream - 1u];
  while (wake_ && request.bytes > 0 && request.offset < end) {
    const std::uint64_t size = std::min({request.bytes, end - request.offset, std::uint64_t{kOutputChunk}});
    ports::DriverOutput output{process.spec.ref, stream, request.offset, Bytes(size)};
    for (std::uint64_t i = 0; i < size; ++i) output.bytes[i] = printed_byte(process.spec.ref, stream, request.offset + i);
    request.offset += size;
    request.bytes -= size;
    tell(std::move(output));
  }
}

void Keeper::release(const AttemptRef& ref) {
  if (!is_away_) processes_.erase(ref);
}

void Keeper::die(Duration absence) {
  trace_.note(name_, "the keeper dies, and " + std::to_string(processes_.size()) + " attempts with it");
  ++deaths_;
  processes_.clear();
  is_away_ = true;
  tell(ports::DriverGone{"the keeper died"});
  later(agenda_.now() + absence, [this, death = deaths_] {
    if (death != deaths_) return;
    is_away_ = false;
    tell(ports::DriverReady{});
  });
}

void Keeper::tell(ports::DriverEvent event) {
  if (!wake_) return;
  events_.push_back(std::move(event));
  wake();
}

void Keeper::wake() {
  if (wake_) wake_();
}

}  // namespace stint::sim
