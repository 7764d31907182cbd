#include <boost/json.hpp>
#include <utility>

#include "base/utc.hpp"
#include "scheduler/api/handlers.hpp"
#include "scheduler/api/json_views.hpp"
#include "scheduler/api/read_body.hpp"
#include "scheduler/api/streams.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler::api {
namespace {

namespace json = boost::json;

json::array scopes_json(core::Scopes scopes) {
  json::array words;
  for (const auto scope : core::kScopes)
    if (scopes.holds(scope)) words.emplace_back(core::to_string(scope));
  return words;
}

std::string_view word_of(TokenStanding standing) {
  switch (standing) {
    case TokenStanding::valid: return "valid";
    case TokenStanding::expired: return "expired";
    case TokenStanding::revoked: return "revoked";
    case TokenStanding::unknown: break;
  }
  return "unknown";
}

json::object token_json(const Call& call, const core::TokenRow& token) {
  return {{"id", token.id.value},
          {"name", token.name},
          {"scopes", scopes_json(token.scopes)},
          {"state", word_of(standing_of(token, call.now.wall))},
          {"created_by", token.created_by},
          {"created_at", time_json(token.created_at)},
          {"expires_at", time_json(token.expires_at)},
          {"revoked_at", time_json(token.revoked_at)},
          {"last_used_at", time_json(call.cell.tokens.last_use(token.id))}};
}

void add_event(const Call& call, const char* kind, json::object body) {
  body["at"] = time_json(call.now.wall);
  body["by"] = call.principal.name;
  call.cell.core.add_event(kind, json::serialize(body), call.now, call.cell.journal.turn().effects);
}

Result<core::Scopes> read_scopes(const json::value& value) {
  core::Scopes scopes;
  if (!value.is_array()) return fail(Errc::invalid_argument, "scopes: expected a list such as [\"read\", \"submit\"]");
  for (const auto& word : value.as_array()) {
    const auto scope = word.is_string() ? core::parse_scope(std::string_view(word.as_string())) : std::nullopt;
    if (!scope)
      return fail(Errc::invalid_argument,
                  "scopes: " + json::serialize(word).substr(0, 100) + " is none of \"read\", \"submit\", \"work\", \"operate\", \"admin\"");
    scopes.add(*scope);
  }
  return scopes;
}

Result<UnixMillis> read_end_after(const json::value& value, UnixMillis now) {
  constexpr auto kMax = to_ms(limits::kTokenLifeMax);
  boost::system::error_code problem;
  const auto ttl = value.is_number() ? value.to_number<std::int64_t>(problem) : 0;
  if (problem || ttl <= 0 || ttl > kMax)
    return fail(Errc::invalid_argument, "ttl_ms: expected a whole number from 1 to " + std::to_string(kMax) + " (100 years)");
  return now + std::chrono::milliseconds{ttl};
}

Result<UnixMillis> read_end_at(const json::value& value) {
  const auto at = value.is_string() ? parse_utc(std::string_view(value.as_string())) : std::nullopt;
  if (!at) return fail(Errc::invalid_argument, "expires_at: expected a time in UTC such as \"2027-01-31T12:00:00Z\"");
  return *at;
}

Result<TokenBook::Wanted> read_wanted(const Call& call) {
  STINT_TRY(const auto body, read_object(call.request.body));
  TokenBook::Wanted wanted;
  wanted.by = call.principal.name;
  for (const auto& item : body) {
    if (item.key() == "name" && item.value().is_string()) {
      wanted.name = std::string(item.value().as_string());
    } else if (item.key() == "scopes") {
      STINT_TRY(wanted.scopes, read_scopes(item.value()));
    } else if (item.key() == "ttl_ms") {
      STINT_TRY(wanted.expires_at, read_end_after(item.value(), call.now.wall));
    } else if (item.key() == "expires_at") {
      STINT_TRY(wanted.expires_at, read_end_at(item.value()));
    } else if (item.key() == "name") {
      return fail(Errc::invalid_argument, "name: expected a text");
    } else {
      return fail(Errc::invalid_argument,
                  "unknown key `" + std::string(item.key()) + "`: only name, scopes, and ttl_ms or expires_at are known");
    }
  }
  if (body.contains("ttl_ms") && body.contains("expires_at"))
    return fail(Errc::invalid_argument, "ttl_ms and expires_at: only one of them can be meant");
  return wanted;
}

}  // namespace

Answer create_token(const Call& call) {
  auto& cell = call.cell;
  const auto wanted = read_wanted(call);
  if (!wanted) return refuse(wanted.error());
  const auto made = cell.tokens.make(*wanted, cell.entropy, call.now.wall);
  if (!made) return refuse(made.error());
  cell.journal.turn().effects.rows.emplace_back(made->row);
  add_event(call, "token_created",
            {{"token", made->row.name},
             {"id", made->row.id.value},
             {"scopes", scopes_json(made->row.scopes)},
             {"expires_at", time_json(made->row.expires_at)}});
  auto body = token_json(call, made->row);
  body["token"] = made->text;
  return say(201, json::serialize(body));
}

Answer list_tokens(const Call& call) {
  const auto limit = read_limit(call.request);
  if (!limit) return refuse(limit.error());
  const auto after = read_number(call.request, "after", 0);
  if (!after) return refuse(after.error());
  json::array items;
  json::value next = nullptr;
  for (const auto& token : call.cell.tokens.list()) {
    if (token.id.value <= *after) continue;
    if (items.size() == *limit) {
      next = items.back().as_object().at("id");
      break;
    }
    items.push_back(token_json(call, token));
  }
  return say(200, json::serialize(json::object{{"items", std::move(items)}, {"next", std::move(next)}}));
}

Answer revoke_token(const Call& call) {
  auto& cell = call.cell;
  const auto revoked = cell.tokens.revoke(call.values[0], call.now.wall);
  if (!revoked) return refuse(revoked.error());
  const auto& row = revoked->row;
  if (revoked->is_new) {
    cell.journal.turn().effects.rows.emplace_back(row);
    add_event(call, "token_revoked", {{"token", row.name}, {"id", row.id.value}});
    call.streams.close_all_of(row.id);
  }
  return say(200, json::serialize(token_json(call, row)));
}

Answer show_whoami(const Call& call) {
  const auto& who = call.principal;
  return say(200, json::serialize(
                      json::object{{"name", who.name}, {"scopes", scopes_json(who.scopes)}, {"expires_at", time_json(who.expires_at)}}));
}

}  // namespace stint::scheduler::api
