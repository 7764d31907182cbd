#include <algorithm>
#include <boost/json.hpp>
#include <limits>
#include <utility>

#include "core/model/person.hpp"
#include "scheduler/api/handlers.hpp"
#include "scheduler/api/json_views.hpp"
#include "scheduler/api/read_body.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler::api {
namespace {

namespace json = boost::json;

/// People answer under tokens, and who never had a session has no key that anybody used.
bool has_key(const core::AgentRow& agent) { return !agent.revoked && !core::is_person(agent) && agent.key_epoch; }

json::object key_json(const Cell& cell, const core::MasterKeyRow& row) {
  std::int64_t agents = 0;
  for (const auto& agent : cell.core.agents()) agents += has_key(agent.row) && agent.row.key_epoch == row.epoch ? 1 : 0;
  return {{"key_epoch", row.epoch.value},
          {"state", to_string(cell.keys.state_of(row.epoch))},
          {"agents", agents},
          {"created_at", time_json(row.created_at)},
          {"installed_at", time_json(row.installed_at)},
          {"retire_at", time_json(row.retire_at)},
          {"retired_at", time_json(row.retired_at)},
          {"removed_at", time_json(row.removed_at)}};
}

json::array behind_json(const Cell& cell) {
  json::array behind;
  for (const auto& agent : cell.core.agents()) {
    if (!has_key(agent.row) || agent.row.key_epoch >= cell.keys.current_epoch()) continue;
    if (behind.size() == limits::kReplyItemsMax) break;
    behind.push_back(json::object{{"agent", agent.row.name},
                                  {"number", agent.row.number.value},
                                  {"key_epoch", agent.row.key_epoch.value},
                                  {"key_state", to_string(cell.keys.state_of(agent.row.key_epoch))},
                                  {"connected", agent.connected},
                                  {"last_seen_at", time_json(agent.row.last_seen_at)}});
  }
  return behind;
}

Answer say_keys(const Cell& cell) {
  json::array items;
  for (const auto& row : cell.keys.rows()) items.push_back(key_json(cell, row));
  const auto next_rotation = cell.rotation.next_rotation_at();
  const auto& settings = cell.rotation.settings();
  return say(200, json::serialize(json::object{{"items", std::move(items)},
                                               {"next", nullptr},
                                               {"current", cell.keys.current_epoch().value},
                                               {"next_rotation_at", next_rotation ? time_json(*next_rotation) : json::value(nullptr)},
                                               {"rotate_every_ms", to_ms(settings.rotate_every)},
                                               {"grace_ms", to_ms(settings.grace)},
                                               {"behind", behind_json(cell)}}));
}

Result<std::optional<Duration>> read_grace(const std::string& text) {
  if (text.empty()) return std::optional<Duration>{};
  STINT_TRY(const auto body, read_object(text));
  const auto* grace = body.if_contains("grace_ms");
  if (body.size() != (grace == nullptr ? 0U : 1U)) return fail(Errc::invalid_argument, "the body must be {} or {\"grace_ms\":86400000}");
  if (grace == nullptr || grace->is_null()) return std::optional<Duration>{};
  constexpr std::int64_t kMost = to_ms(limits::kKeyGraceMax);
  boost::system::error_code problem;
  const auto value = grace->is_number() ? grace->to_number<std::int64_t>(problem) : -1;
  if (problem || value < to_ms(limits::kKeyGraceMin) || value > kMost)
    return fail(Errc::invalid_argument, "grace_ms: expected milliseconds, 1000 to " + std::to_string(kMost) + " (90 days)");
  return std::optional<Duration>{from_ms(value)};
}

struct RetireRequest {
  KeyEpoch epoch;
  Retirement how = Retirement::to_newer;
};

Result<RetireRequest> read_retire(const std::string& text) {
  STINT_TRY(const auto body, read_object(text));
  const auto* epoch = body.if_contains("key_epoch");
  const auto* now = body.if_contains("now");
  if (epoch == nullptr || body.size() != (now == nullptr ? 1U : 2U) || (now != nullptr && !now->is_bool()))
    return fail(Errc::invalid_argument, "the body must be {\"key_epoch\":3}, with \"now\":true to refuse it altogether");
  boost::system::error_code problem;
  const auto number = epoch->is_number() ? epoch->to_number<std::int64_t>(problem) : 0;
  if (problem || number < 1 || number > std::numeric_limits<std::uint16_t>::max())
    return fail(Errc::invalid_argument, "key_epoch: expected a number from 1 to 65535");
  RetireRequest request;
  request.epoch = KeyEpoch{static_cast<std::uint16_t>(number)};
  if (now != nullptr && now->as_bool()) request.how = Retirement::at_once;
  return request;
}

}  // namespace

Answer list_keys(const Call& call) { return say_keys(call.cell); }

Answer rotate_keys(const Call& call) {
  auto& cell = call.cell;
  const auto grace = read_grace(call.request.body);
  if (!grace) return refuse(grace.error());
  if (const auto done = cell.rotation.rotate(*grace, call.principal.name, cell.core, call.now, cell.journal.turn()); !done)
    return refuse(done.error());
  return say_keys(cell);
}

Answer retire_key(const Call& call) {
  auto& cell = call.cell;
  const auto request = read_retire(call.request.body);
  if (!request) return refuse(request.error());
  if (const auto done = cell.rotation.retire(request->epoch, request->how, call.principal.name, cell.core, call.now, cell.journal.turn());
      !done)
    return refuse(done.error());
  return say_keys(cell);
}

}  // namespace stint::scheduler::api
