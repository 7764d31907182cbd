#include <algorithm>
#include <boost/json.hpp>
#include <string>
#include <utility>

#include "protocol/enrol_token.hpp"
#include "scheduler/api/handlers.hpp"
#include "scheduler/api/json_views.hpp"
#include "scheduler/api/read_body.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler::api {
namespace {

namespace json = boost::json;

std::string_view word_of(EnrolStanding standing) {
  switch (standing) {
    case EnrolStanding::usable: return "usable";
    case EnrolStanding::used: return "used";
    case EnrolStanding::expired: return "expired";
    case EnrolStanding::revoked: break;
  }
  return "revoked";
}

json::value text_or_null(const std::string& text) { return text.empty() ? json::value(nullptr) : json::value(text); }

json::object token_json(const Call& call, const core::EnrolTokenRow& token) {
  return {{"id", protocol::enrol_token_name(token.id.value)},
          {"name", text_or_null(token.name)},
          {"types", types_json(token.terms.types)},
          {"labels", pairs_json(token.terms.labels)},
          {"state", word_of(standing_of(token, call.now.wall))},
          {"agent", token.agent ? json::value(agent_name(call.cell.core, token.agent)) : json::value(nullptr)},
          {"created_by", token.created_by},
          {"created_at", time_json(token.created_at)},
          {"expires_at", time_json(token.expires_at)},
          {"used_at", time_json(token.used_at)},
          {"revoked_at", time_json(token.revoked_at)}};
}

void add_event(const Call& call, const char* kind, const core::EnrolTokenRow& token) {
  json::object body{{"at", time_json(call.now.wall)},
                    {"by", call.principal.name},
                    {"token", protocol::enrol_token_name(token.id.value)},
                    {"name", text_or_null(token.name)},
                    {"expires_at", time_json(token.expires_at)}};
  call.cell.core.add_event(kind, json::serialize(body), call.now, call.cell.journal.turn().effects);
}

Result<std::vector<AgentType>> read_types(const json::value& value) {
  std::vector<AgentType> types;
  if (!value.is_array()) return fail(Errc::invalid_argument, "types: expected a list such as [\"trainer\"]");
  for (const auto& word : value.as_array()) {
    const auto type = word.is_string() ? parse_agent_type(std::string_view(word.as_string())) : std::nullopt;
    if (!type)
      return fail(Errc::invalid_argument, "types: " + json::serialize(word).substr(0, 100) +
                                              " is none of \"trainer\", \"inferencer\", \"crawler\", \"labeller\", \"rater\"");
    if (std::find(types.begin(), types.end(), *type) == types.end()) types.push_back(*type);
  }
  return types;
}

Result<std::vector<std::pair<std::string, std::string>>> read_labels(const json::value& value) {
  std::vector<std::pair<std::string, std::string>> labels;
  if (!value.is_object()) return fail(Errc::invalid_argument, "labels: expected an object such as {\"zone\": \"b\"}");
  for (const auto& item : value.as_object()) {
    if (!item.value().is_string())
      return fail(Errc::invalid_argument, "labels: the value of \"" + std::string(item.key()) + "\" must be a text");
    labels.emplace_back(item.key(), item.value().as_string());
  }
  return labels;
}

Result<std::string> read_name(const json::value& value) {
  if (value.is_null()) return std::string{};
  if (!value.is_string() || !core::is_agent_name(std::string_view(value.as_string())))
    return fail(Errc::invalid_argument, "name: expected 1 to 64 letters, digits, `-`, `_` or `.`, and not `tokens`");
  return std::string(value.as_string());
}

Result<Duration> read_life(const json::value& value) {
  boost::system::error_code problem;
  const auto ms = value.is_number() ? value.to_number<std::int64_t>(problem) : 0;
  const bool is_within = !problem && ms > 0 && ms <= to_ms(limits::kEnrolTokenLifeMax);
  return is_within ? from_ms(ms) : Duration{0};  // the book says what is wrong with that
}

Result<EnrolBook::Wanted> read_wanted(const Call& call) {
  STINT_TRY(const auto body, read_object(call.request.body));
  EnrolBook::Wanted wanted;
  wanted.by = call.principal.name;
  wanted.life = limits::kEnrolTokenLife;
  for (const auto& item : body) {
    if (item.key() == "name") {
      STINT_TRY(wanted.name, read_name(item.value()));
    } else if (item.key() == "types") {
      STINT_TRY(wanted.terms.types, read_types(item.value()));
    } else if (item.key() == "labels") {
      STINT_TRY(wanted.terms.labels, read_labels(item.value()));
    } else if (item.key() == "ttl_ms") {
      STINT_TRY(wanted.life, read_life(item.value()));
    } else {
      return fail(Errc::invalid_argument, "unknown key `" + std::string(item.key()) + "`: only name, types, labels and ttl_ms are known");
    }
  }
  return wanted;
}

Status check_name_is_free(const Cell& cell, const std::string& name) {
  if (name.empty()) return {};
  for (const auto& agent : cell.core.agents())
    if (agent.row.name == name && !agent.row.revoked)
      return fail(Errc::already_exists, "an agent is named " + name + " already; choose another name, or revoke that one");
  return {};
}

}  // namespace

Answer create_enrol_token(const Call& call) {
  auto& cell = call.cell;
  const auto wanted = read_wanted(call);
  if (!wanted) return refuse(wanted.error());
  if (const auto free = check_name_is_free(cell, wanted->name); !free) return refuse(free.error());
  const auto made = cell.enrol_tokens.make(*wanted, cell.entropy, call.now.wall);
  if (!made) return refuse(made.error());
  cell.journal.turn().effects.rows.emplace_back(made->row);
  add_event(call, "agent_token_created", made->row);
  auto body = token_json(call, made->row);
  body["token"] = made->text;
  json::array addresses;
  for (const auto& address : cell.facts.addresses) addresses.emplace_back(address);
  body["addresses"] = std::move(addresses);
  return say(201, json::serialize(body));
}

Answer list_enrol_tokens(const Call& call) {
  const auto limit = read_limit(call.request);
  if (!limit) return refuse(limit.error());
  const auto after = find_query(call.request, "after");
  const auto tokens = call.cell.enrol_tokens.list();
  auto at = tokens.begin();
  if (after) {
    at = std::find_if(at, tokens.end(), [&](const auto& token) { return protocol::enrol_token_name(token.id.value) == *after; });
    if (at == tokens.end())
      return refuse({400, "invalid_argument", "after: no token has this id any more", "after", "", "ask from the start"});
    ++at;
  }
  json::array items;
  for (; at != tokens.end() && items.size() < *limit; ++at) items.push_back(token_json(call, *at));
  json::value next = at == tokens.end() ? json::value(nullptr) : items.back().as_object().at("id");
  return say(200, json::serialize(json::object{{"items", std::move(items)}, {"next", std::move(next)}}));
}

Answer revoke_enrol_token(const Call& call) {
  auto& cell = call.cell;
  const auto revoked = cell.enrol_tokens.revoke(call.values[0], call.now.wall);
  if (!revoked) return refuse(revoked.error());
  if (revoked->is_new) {
    cell.journal.turn().effects.rows.emplace_back(revoked->row);
    add_event(call, "agent_token_revoked", revoked->row);
  }
  return say(200, json::serialize(token_json(call, revoked->row)));
}

}  // namespace stint::scheduler::api
