#include "scheduler/convert.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace stint::scheduler {

core::AgentOffer to_offer(const protocol::AgentInfo& info) {
  core::AgentOffer offer;
  offer.types = info.types;
  offer.resources = info.resources;
  offer.labels = info.labels;
  offer.drivers = info.drivers;
  offer.notes = info.notes;
  offer.shared_paths = info.shared_paths;
  offer.boot_id = info.boot_id;
  offer.host = info.host;
  offer.version = info.version;
  offer.window = info.window;
  offer.prefetch = info.prefetch;
  return offer;
}

core::AttemptReport to_report(AgentNumber agent, const protocol::StatusUpdate& update) {
  core::AttemptReport report;
  report.agent = agent;
  report.ref = update.ref;
  report.number = update.number;
  report.status = update.status;
  report.reason = update.reason;
  report.exit_code = update.exit_code;
  report.signal = update.signal;
  report.started_at = unix_millis(update.started_ms);
  report.ended_at = unix_millis(update.ended_ms);
  report.detail = update.detail;
  report.outputs = update.outputs;
  report.result = update.result;
  return report;
}

protocol::TaskTemplate to_template(const core::JobSpec& job, const core::TaskSpec& task) {
  protocol::TaskTemplate made;
  made.job_name = job.name;
  made.task_name = task.name;
  made.agent_type = task.type.value_or(AgentType::trainer);
  made.driver = task.driver;
  made.command = task.command;
  made.env = task.env;
  made.workdir = task.workdir;
  made.submit_boot_id = task.submit_boot_id;
  made.workdir_inode = task.workdir_inode;
  made.resources = task.resources;
  made.timeout = task.timeout;
  made.kill_grace = task.kill_grace;
  made.is_array = task.is_array;
  made.array_first = task.array_first;
  made.array_step = task.array_step;
  made.array_size = std::max(task.array_count, 1U);  // of entries sized later: the daemon's, who knows it
  made.inputs = task.inputs;
  made.outputs = task.outputs;
  made.own_directory = task.own_directory || task.inputs;
  made.checkpoint = task.checkpoint || task.retries > 0;
  made.on_disconnect = task.on_disconnect;
  if (task.on_disconnect == DisconnectPolicy::stop_after) made.stop_after = task.lost_after;
  return made;
}

protocol::Verdict to_verdict(core::HeldVerdict verdict) {
  switch (verdict) {
    case core::HeldVerdict::keep: return protocol::Verdict::keep;
    case core::HeldVerdict::stop: return protocol::Verdict::stop;
    case core::HeldVerdict::forget: return protocol::Verdict::forget;
  }
  STINT_ASSERT(false);
}

protocol::CancelMode to_cancel_mode(core::StopMode mode) {
  switch (mode) {
    case core::StopMode::graceful: return protocol::CancelMode::graceful;
    case core::StopMode::kill: return protocol::CancelMode::kill;
    case core::StopMode::recall: return protocol::CancelMode::recall;
  }
  STINT_ASSERT(false);
}

}  // namespace stint::scheduler
