#include "agent/executor.hpp"

#include <algorithm>
#include <variant>

#include "agent/report.hpp"
#include "agent/values.hpp"
#include "protocol/codec.hpp"
#include "protocol/limits.hpp"

namespace stint::agent {
namespace {

std::string name_of(const AttemptRef& ref) {
  return std::to_string(ref.task.job.value) + ":" + std::to_string(ref.task.group) + ":" + std::to_string(ref.task.index) + "@" +
         std::to_string(ref.attempt);
}

/// None for a task that starts where its job says and leaves nothing: there is nothing to do on disk for it.
std::optional<ports::StageSpec> make_stage(const protocol::TaskTemplate& tmpl, const protocol::AssignedExtra* extra) {
  const bool has_inputs = tmpl.inputs || tmpl.needs_inputs || (extra != nullptr && (extra->is_batch || !extra->files.empty()));
  if (!has_inputs && !tmpl.own_directory && !tmpl.checkpoint && tmpl.outputs.empty()) return std::nullopt;
  ports::StageSpec stage;
  stage.inputs = tmpl.inputs;
  stage.needs_inputs = tmpl.needs_inputs;
  stage.outputs = tmpl.outputs;
  stage.own_directory = tmpl.own_directory;
  stage.checkpoint = tmpl.checkpoint;
  if (extra == nullptr) return stage;
  stage.token = extra->token;
  stage.files = extra->files;
  stage.item = extra->item;
  stage.is_batch = extra->is_batch;
  stage.checkpoint_from = extra->checkpoint;
  return stage;
}

ports::LaunchSpec make_launch(const AttemptRef& ref, const protocol::TaskTemplate& tmpl) {
  ports::LaunchSpec spec;
  spec.ref = ref;
  spec.workdir = tmpl.workdir;
  spec.submit_boot_id = tmpl.submit_boot_id;
  spec.workdir_inode = tmpl.workdir_inode;
  spec.resources = tmpl.resources;
  spec.timeout = tmpl.timeout;
  spec.kill_grace = tmpl.kill_grace;
  if (tmpl.on_disconnect == DisconnectPolicy::stop_after) spec.stop_after = tmpl.stop_after;
  return spec;
}

TaskStatus status_of(const ports::DriverEnded& ended) {
  if (ended.reason == EndReason::cancelled || ended.reason == EndReason::superseded || ended.reason == EndReason::recalled)
    return TaskStatus::cancelled;
  return ended.reason == EndReason::exit && ended.exit_code == 0 ? TaskStatus::completed : TaskStatus::failed;
}

/// What a task left must fit the frame that tells of it, or its attempt has failed: an end that cannot be told would be none.
void hold_to_limits(const AttemptState& state, AttemptState& outcome) {
  if (outcome.status != TaskStatus::completed) return;
  const auto turn_into_failure = [&](EndReason reason, std::string detail) {
    outcome.status = TaskStatus::failed;
    outcome.reason = reason;
    outcome.detail = std::move(detail);
    outcome.outputs.clear();
  };
  if (state.is_result_too_large)
    return turn_into_failure(EndReason::result_too_large,
                             "the result is larger than " + std::to_string(protocol::limits::kResult) +
                                 " bytes of JSON, the limit; write it to a file below $STINT_OUTPUTS and declare that as an output");
  protocol::StatusUpdate update;
  update.outputs = outcome.outputs;
  if (const auto fits = protocol::check_update(update); !fits)
    turn_into_failure(EndReason::output_missing, "outputs: " + fits.error().detail + "; pack them into fewer files");
}

}  // namespace

DriverSlot* Executor::find_driver(const std::string& name) {
  const auto found = std::find_if(drivers_.begin(), drivers_.end(), [&](const auto& slot) { return slot.name == name; });
  return found == drivers_.end() ? nullptr : &*found;
}

void Executor::adopt(Attempt& attempt, Now now) {
  gpus_.reserve(attempt.state.gpus);
  attempt.is_adopted = !attempt.has_ended();
  if (attempt.is_adopted) ++adopted_;
  if (find_driver(attempt.state.driver) != nullptr) return;
  attempt.has_spool = false;
  if (!attempt.has_ended())
    end_without_driver(attempt, EndReason::lost, "this agent no longer has the driver '" + attempt.state.driver + "'", now);
}

Result<ports::LaunchSpec> Executor::prepare(const DriverSlot& slot, const AttemptRef& ref, const protocol::TaskTemplate& tmpl,
                                            const protocol::AssignedExtra* extra) const {
  auto spec = make_launch(ref, tmpl);
  // Without effects outside there is nobody to read a command or an environment either; a burst of noop tasks should not pay for them.
  if (slot.start_rule == StartRule::at_once) return spec;
  const Values values{extra, array_value(ref.task, tmpl)};
  spec.command.reserve(tmpl.command.size());
  for (const auto& argument : tmpl.command) {
    STINT_TRY(auto filled, fill_in(argument, values));
    spec.command.push_back(std::move(filled));
  }
  STINT_TRY(spec.env, make_task_environment(base_env_, tmpl, ref, extra));
  spec.stage = make_stage(tmpl, extra);
  return spec;
}

void Executor::accept(const AttemptRef& ref, const protocol::TaskTemplate& tmpl, const protocol::AssignedExtra* extra, Now now) {
  const auto* slot = find_driver(tmpl.driver);
  if (slot == nullptr) return refuse(ref, "this agent has no driver '" + tmpl.driver + "'", now);
  const auto gpus = static_cast<std::uint64_t>(std::max<std::int64_t>(tmpl.resources.gpus, 0));
  if (gpus > gpus_.size())
    return refuse(ref, std::to_string(gpus) + " GPUs wanted, this agent offers " + std::to_string(gpus_.size()), now);

  AttemptState state;
  state.ref = ref;
  state.driver = tmpl.driver;
  auto& attempt = attempts_.add(std::move(state));
  attempt.gpus_wanted = static_cast<std::uint32_t>(gpus);
  attempt.room = Room::of_task(tmpl.resources);
  auto launch = prepare(*slot, ref, tmpl, extra);
  if (!launch) return end_without_driver(attempt, EndReason::start_failed, launch.error().detail, now);
  attempt.launch = std::move(*launch);
  waiting_.push_back(ref);
  if (room_.has(attempt.room)) take_gpus(attempt);  // already now: the record that tells of the attempt tells of them, too
}

/// True if it has all that it wants.
bool Executor::take_gpus(Attempt& attempt) {
  if (attempt.state.gpus.size() >= attempt.gpus_wanted) return true;
  auto indices = gpus_.take(attempt.gpus_wanted);
  if (!indices) return false;
  attempt.state.gpus = std::move(*indices);
  attempts_.touch(attempt);
  return true;
}

void Executor::refuse(const AttemptRef& ref, std::string why, Now now) {
  log_.warn("refused " + name_of(ref) + ": " + why);
  AttemptState state;
  state.ref = ref;
  auto& attempt = attempts_.add(std::move(state));
  end_without_driver(attempt, EndReason::refused, std::move(why), now);
}

void Executor::stop(Attempt& attempt, ports::Driver::StopMode mode, EndReason reason, Now now) {
  if (attempt.has_ended()) return;
  attempt.stop_reason = reason;
  if (attempt.phase == Attempt::Phase::waiting) return end_without_driver(attempt, reason, "stopped before it was started", now);
  attempt.stop_mode = mode;
  auto* slot = find_driver(attempt.state.driver);
  if (slot != nullptr && slot->is_ready) slot->driver->stop(attempt.state.ref, mode);  // else when it is back
}

void Executor::recall(Attempt& attempt, Now now) {
  if (attempt.phase == Attempt::Phase::waiting) end_without_driver(attempt, EndReason::recalled, "given back before it was started", now);
}

/// Another attempt of its task may run elsewhere by now, even if this process stood still and has not noticed yet that it is alone.
bool Executor::may_be_begun(const ports::LaunchSpec& spec, Now now) const {
  return spec.stop_after == Duration{0} || now.mono < alone_since_ + spec.stop_after;
}

void Executor::launch(StartRule rule, Now now) {
  std::erase_if(waiting_, [&](const AttemptRef& ref) {
    Attempt* attempt = attempts_.find(ref);
    return attempt == nullptr || attempt->phase != Attempt::Phase::waiting || try_launch(*attempt, rule, now);
  });
}

bool Executor::try_launch(Attempt& attempt, StartRule rule, Now now) {
  const bool has_all = room_.has(attempt.room) && take_gpus(attempt);
  DriverSlot* slot = find_driver(attempt.state.driver);
  const bool may_start = (rule == StartRule::at_once || !attempt.is_dirty) && may_be_begun(*attempt.launch, now);
  if (slot->start_rule != rule || !slot->is_ready || !may_start || !has_all) return false;
  if (!std::exchange(attempt.is_prepared, true)) {
    complete(*attempt.launch, attempt.state.gpus, rule);
    if (attempt.is_provisional) slot->driver->prepare(*attempt.launch);
  }
  if (attempt.is_provisional) return false;
  room_.take(attempt.room);
  auto spec = std::move(*attempt.launch);
  attempt.launch.reset();
  attempt.phase = Attempt::Phase::launched;
  if (rule == StartRule::after_persist) readable_.push_back(attempt.state.ref);
  slot->driver->start(std::move(spec));
  return true;
}

void Executor::complete(ports::LaunchSpec& spec, const std::vector<std::uint32_t>& gpus, StartRule rule) const {
  spec.gpus = gpus;
  if (rule == StartRule::after_persist && gpus_.size() > 0) set_visible_gpus(spec.env, spec.gpus);
}

bool Executor::take_events(StartRule rule, Now now) {
  bool any = false;
  for (auto& slot : drivers_) {
    if (slot.start_rule != rule) continue;
    if (!slot.is_ready) notes_are_new_ = true;  // the reason may be among them
    for (auto& event : slot.driver->take_events()) {
      any = true;
      std::visit([&](auto& e) { on_event(slot, std::move(e), now); }, event);
    }
  }
  return any;
}

void Executor::release(const std::vector<Attempts::Dropped>& dropped) {
  for (const auto& [ref, driver] : dropped)
    if (auto* slot = find_driver(driver)) slot->driver->release(ref);
}

void Executor::request_output(const Attempt& attempt, std::uint8_t stream, std::uint64_t offset, std::size_t max_bytes) {
  auto* slot = find_driver(attempt.state.driver);
  if (slot != nullptr && slot->is_ready) slot->driver->request_output(attempt.state.ref, stream, offset, max_bytes);
}

std::optional<std::vector<std::string>> Executor::take_notes() {
  if (!std::exchange(notes_are_new_, false)) return std::nullopt;
  std::vector<std::string> notes;
  for (const auto& slot : drivers_)
    for (auto& note : slot.driver->notes()) notes.push_back(std::move(note));
  return notes;
}

void Executor::end(Attempt& attempt, const ports::DriverEnded& ended, Now now) {
  AttemptState outcome;
  outcome.status = status_of(ended);
  outcome.reason = ended.reason;
  if (outcome.status == TaskStatus::cancelled && attempt.stop_reason != EndReason::none) outcome.reason = attempt.stop_reason;
  outcome.exit_code = ended.exit_code;
  outcome.signal = ended.signal;
  outcome.started_ms = ended.started_ms;
  outcome.ended_ms = ended.ended_ms != 0 ? ended.ended_ms : to_ms(now.wall);
  if (outcome.started_ms == 0 && ended.reason == EndReason::exit) outcome.started_ms = outcome.ended_ms;
  outcome.output_bytes = {ended.stdout_bytes, ended.stderr_bytes};
  outcome.detail = ended.detail;
  if (outcome.status == TaskStatus::completed) outcome.outputs = ended.outputs;
  hold_to_limits(attempt.state, outcome);
  gpus_.give_back(attempt.state.gpus);
  if (attempt.is_adopted) {
    --adopted_;
  } else if (attempt.phase == Attempt::Phase::launched) {
    room_.give_back(attempt.room);
  }
  attempts_.on_ended(attempt, outcome);
}

void Executor::end_without_driver(Attempt& attempt, EndReason reason, std::string detail, Now now) {
  attempt.has_spool = false;
  ports::DriverEnded ended;
  ended.ref = attempt.state.ref;
  ended.reason = reason;
  ended.detail = std::move(detail);
  end(attempt, ended, now);
}

void Executor::on_event(DriverSlot& slot, ports::DriverHeld event, Now /*now*/) {
  if (auto* attempt = attempts_.find(event.ref)) {
    attempt->is_held = true;
    return;
  }
  // Forgotten by the journal, and we died before the driver heard of it; or the journal lost its end in a power failure.
  log_.info("the driver holds " + name_of(event.ref) + ", which this agent does not: dropped");
  if (!event.ended) slot.driver->stop(event.ref, ports::Driver::StopMode::kill);
  if (event.ended) slot.driver->release(event.ref);
}

void Executor::on_event(DriverSlot& slot, ports::DriverReady /*event*/, Now now) {
  slot.is_ready = true;
  notes_are_new_ = true;
  for (auto* attempt : attempts_.in_order()) {
    if (attempt->state.driver != slot.name || attempt->phase == Attempt::Phase::waiting) continue;
    if (std::exchange(attempt->is_held, false)) {
      readable_.push_back(attempt->state.ref);
      if (attempt->stop_reason != EndReason::none) stop(*attempt, attempt->stop_mode, attempt->stop_reason, now);
      continue;
    }
    attempt->has_spool = false;
    if (!attempt->has_ended())
      end_without_driver(*attempt, EndReason::lost, "the agent was restarted and its keeper no longer has the task", now);
    attempts_.settle(*attempt);
  }
}

void Executor::on_event(DriverSlot& slot, const ports::DriverGone& event, Now now) {
  slot.is_ready = false;
  notes_are_new_ = true;
  log_.error("driver " + slot.name + ": " + event.detail + "; the tasks it ran are lost");
  for (auto* attempt : attempts_.in_order()) {
    if (attempt->state.driver != slot.name || attempt->phase == Attempt::Phase::waiting) continue;
    attempt->has_spool = false;
    if (!attempt->has_ended()) end_without_driver(*attempt, EndReason::lost, event.detail, now);
    attempts_.settle(*attempt);
  }
}

void Executor::on_event(DriverSlot& /*slot*/, ports::DriverStarted event, Now /*now*/) {
  if (auto* attempt = attempts_.find(event.ref)) attempts_.on_started(*attempt, event.started_ms);
}

void Executor::on_event(DriverSlot& /*slot*/, ports::DriverOutput event, Now /*now*/) { output_.push_back(std::move(event)); }

void Executor::on_event(DriverSlot& /*slot*/, ports::DriverReport event, Now /*now*/) {
  if (auto* attempt = attempts_.find(event.ref); attempt != nullptr && !attempt->has_ended()) keep_result(*attempt, event.lines);
  reports_.push_back(std::move(event));
}

/// Persisted at the end of this turn, before the driver hears that the lines were seen: whatever dies then, the result is known.
void Executor::keep_result(Attempt& attempt, std::string_view report_lines) {
  auto found = find_result(report_lines);
  if (!found) return;
  if (found->is_too_large == attempt.state.is_result_too_large && found->text == attempt.state.result) return;
  attempt.state.is_result_too_large = found->is_too_large;
  attempt.state.result = std::move(found->text);
  attempts_.touch(attempt);
}

void Executor::on_event(DriverSlot& slot, const ports::DriverEnded& event, Now now) {
  if (auto* attempt = attempts_.find(event.ref)) {
    if (!attempt->has_ended()) end(*attempt, event, now);
  } else {
    slot.driver->release(event.ref);
  }
}

}  // namespace stint::agent
