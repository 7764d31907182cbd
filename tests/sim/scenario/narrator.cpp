#include "sim/scenario/narrator.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>

namespace stint::sim::scenario {
namespace {

constexpr std::size_t kNamedMax = 3;  // of one kind at one moment; more are counted

std::string clock_text(Duration elapsed) {
  const auto ms = to_ms(elapsed);
  char text[48];
  std::snprintf(text, sizeof text, "%02lld:%02lld:%02lld", static_cast<long long>(ms / 3'600'000), static_cast<long long>(ms / 60'000 % 60),
                static_cast<long long>(ms / 1000 % 60));
  std::string result = text;
  if (ms % 1000 == 0) return result;
  std::snprintf(text, sizeof text, ".%03lld", static_cast<long long>(ms % 1000));
  return result + text;
}

std::string describe_end(const core::AttemptRow& row) {
  std::string text(to_string(row.status));
  if (row.status == TaskStatus::completed) return text;
  text += ": " + std::string(to_string(row.reason));
  if (row.reason == EndReason::exit) text += ' ' + std::to_string(row.exit_code);
  return text;
}

std::string text_at(const boost::json::value& body, const char* key) {
  const auto* value = body.is_object() ? body.as_object().if_contains(key) : nullptr;
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

}  // namespace

void Narrator::note(const core::Effects& effects, const Stage& stage) {
  for (const auto& row : effects.rows) {
    if (const auto* attempt = std::get_if<core::AttemptRow>(&row)) note(*attempt, stage);
    if (const auto* event = std::get_if<core::EventRow>(&row)) note(*event);
    if (const auto* job = std::get_if<core::JobStateRow>(&row); job != nullptr && has_ended(job->status)) note(*job);
    if (const auto* mark = std::get_if<core::TaskMarkRow>(&row))
      note_one(std::to_string(mark->last - mark->first + 1) + " of " + stage.name_of(mark->job, mark->group) +
               " end without an attempt: " + std::string(to_string(mark->status)) + ", " + std::string(to_string(mark->reason)));
  }
  for (const auto& send : effects.sends) {
    if (const auto* stop = std::get_if<core::Stop>(&send))
      if (const auto found = attempts_.find(stop->ref); found != attempts_.end())
        note_attempt(found->second, stage,
                     stop->mode == core::StopMode::recall
                         ? "asked back from " + stage.name_of(stop->agent) + ", unless it has started"
                         : "asked to end on " + stage.name_of(stop->agent) + ": " + std::string(to_string(stop->reason)));
    if (const auto* collect = std::get_if<core::Collect>(&send)) note_one(stage.name_of(collect->job, collect->group) + " is collected");
  }
}

void Narrator::note_attempt(const core::AttemptRow& row, const Stage& stage, std::string what) {
  const std::string entry = stage.name_of(row.ref.task.job, row.ref.task.group);
  const auto same =
      std::find_if(moment_.begin(), moment_.end(), [&](const Many& many) { return many.entry == entry && many.what == what; });
  if (same != moment_.end()) {
    same->names.push_back(stage.name_of(row.ref));
  } else {
    moment_.push_back({entry, std::move(what), {stage.name_of(row.ref)}});
  }
}

void Narrator::note(const core::AttemptRow& row, const Stage& stage) {
  const auto found = attempts_.find(row.ref);
  const bool is_new = found == attempts_.end();
  const core::AttemptRow before = is_new ? core::AttemptRow{} : found->second;
  attempts_[row.ref] = row;
  const std::string agent = stage.name_of(row.agent);
  if (is_new) note_attempt(row, stage, "placed on " + agent);
  const bool holds_on = row.ended_at == UnixMillis{};
  if (!is_new && before.live && !row.live && holds_on) note_attempt(row, stage, describe_end(row) + ", and may still run on " + agent);
  if (has_ended(row.status) && !has_ended(before.status) && !holds_on) note_attempt(row, stage, describe_end(row) + " on " + agent);
  if (row.retry_at > before.retry_at) {
    const auto pause = std::chrono::duration_cast<std::chrono::seconds>(row.retry_at - stage.now().wall).count();
    note_attempt(row, stage, "to be tried again in " + std::to_string(pause) + " s");
  }
}

void Narrator::note(const core::EventRow& row) {
  const auto body = boost::json::parse(row.body);
  const std::string agent = text_at(body, "agent");
  if (row.kind == "agent_connected") note_one("agent " + agent + " connects");
  if (row.kind == "agent_disconnected") note_one("agent " + agent + " is out of reach");
  if (row.kind == "agent_revoked") note_one("agent " + agent + " is revoked");
  if (row.kind == "agent_draining") {
    const bool is_draining = body.at("draining").as_bool();
    note_one("agent " + agent + (is_draining ? " takes no new work" : " takes work again"));
  }
  if (row.kind == "job_submitted") note_one("job " + std::to_string(row.job.value) + ", " + text_at(body, "name") + ", is submitted");
  if (row.kind == "job_removed") note_one("job " + std::to_string(row.job.value) + " is removed");
}

void Narrator::note(const core::JobStateRow& row) {
  const std::string why = row.detail.empty() ? std::string() : " (" + row.detail + ')';
  note_one("job " + std::to_string(row.job.value) + ' ' + std::string(to_string(row.status)) + why);
}

void Narrator::flush(const Stage& stage) {
  const std::string at = clock_text(stage.elapsed()) + "  ";
  for (const Many& many : std::exchange(moment_, {})) {
    if (many.names.size() > kNamedMax) {
      print_(at + std::to_string(many.names.size()) + " of " + many.entry + ' ' + many.what);
      continue;
    }
    if (many.names.empty()) print_(at + many.what);
    for (const auto& name : many.names) print_(at + name + ' ' + many.what);
  }
}

void Narrator::say(const Stage& stage, const std::string& line) {
  flush(stage);
  print_(clock_text(stage.elapsed()) + "  " + line);
}

}  // namespace stint::sim::scenario
