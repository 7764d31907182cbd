#include "scheduler/enrol_book.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/assert.hpp"
#include "core/model/limits.hpp"
#include "protocol/enrol_token.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler {
namespace {

constexpr std::string_view kSealLabel = "stint enrol token";

bool is_set(UnixMillis time) { return time != UnixMillis{}; }

/// When it stopped, or will stop, to let anybody in.
UnixMillis end_of(const core::EnrolTokenRow& row) { return is_set(row.revoked_at) ? row.revoked_at : row.expires_at; }

Status check_labels(const core::AgentTerms& terms) {
  if (terms.labels.size() > core::limits::kLabels)
    return fail(Errc::out_of_range,
                "labels: " + std::to_string(terms.labels.size()) + ", the limit is " + std::to_string(core::limits::kLabels));
  for (const auto& [name, value] : terms.labels)
    if (name.empty() || name.size() > core::limits::kNameBytes || value.size() > core::limits::kLabelValueBytes)
      return fail(Errc::invalid_argument, "label \"" + name.substr(0, 100) + "\": a name has 1 to " +
                                              std::to_string(core::limits::kNameBytes) + " bytes, a value at most " +
                                              std::to_string(core::limits::kLabelValueBytes));
  return {};
}

Status check_life(Duration life) {
  if (life > Duration{0} && life <= limits::kEnrolTokenLifeMax) return {};
  return fail(Errc::invalid_argument,
              "ttl_ms: expected a whole number from 1 to " + std::to_string(to_ms(limits::kEnrolTokenLifeMax)) + " (30 days)");
}

}  // namespace

EnrolStanding standing_of(const core::EnrolTokenRow& token, UnixMillis now) {
  if (is_set(token.revoked_at)) return EnrolStanding::revoked;
  if (token.agent) return EnrolStanding::used;
  return token.expires_at <= now ? EnrolStanding::expired : EnrolStanding::usable;
}

Status EnrolBook::load(const core::EnrolTokenRow& row) {
  STINT_TRY(const auto prk, open_secret(kek_, {kSealLabel, row.id.value}, row.sealed));
  if (!row.id || !tokens_.emplace(row.id, Token{row, wire::EnrolPrk(prk)}).second)
    return fail(Errc::corrupt, "enrolment token " + protocol::enrol_token_name(row.id.value) + " comes twice, or has no id");
  return {};
}

Result<EnrolBook::Made> EnrolBook::make(const Wanted& wanted, ports::Entropy& entropy, UnixMillis now) {
  STINT_TRY_VOID(check_life(wanted.life));
  STINT_TRY_VOID(check_labels(wanted.terms));
  std::size_t usable = 0;
  for (const auto& [id, token] : tokens_) {
    if (standing_of(token.row, now) != EnrolStanding::usable) continue;
    ++usable;
    if (!wanted.name.empty() && token.row.name == wanted.name)
      return fail(Errc::already_exists, "token " + protocol::enrol_token_name(id.value) + " is for an agent named " + wanted.name +
                                            " already; use it, or revoke it");
  }
  if (usable >= limits::kEnrolTokensMax)
    return fail(Errc::out_of_range, std::to_string(usable) + " enrolment tokens are usable, the limit is " +
                                        std::to_string(limits::kEnrolTokensMax) + "; revoke some");
  protocol::EnrolToken token;
  token.cell = cell_;
  std::array<std::uint8_t, sizeof token.id> id{};
  do {
    entropy.fill(id);
    token.id = load_le<std::uint64_t>(id.data());
  } while (token.id == 0 || tokens_.contains(core::EnrolTokenId{token.id}));
  entropy.fill(token.secret);
  const auto prk = wire::derive_enrol_prk(token.id, token.secret);
  Made made;
  made.text = to_text(token);
  made.row.id = core::EnrolTokenId{token.id};
  made.row.name = wanted.name;
  made.row.terms = wanted.terms;
  made.row.sealed = seal_secret(kek_, {kSealLabel, token.id}, prk.view(), entropy);
  made.row.created_by = wanted.by;
  made.row.created_at = now;
  made.row.expires_at = now + std::chrono::duration_cast<std::chrono::milliseconds>(wanted.life);
  tokens_.emplace(made.row.id, Token{made.row, prk});
  return made;
}

EnrolBook::Token* EnrolBook::find_by_word(std::string_view id_or_name, UnixMillis now) {
  Token* found = nullptr;
  for (auto& [id, token] : tokens_) {
    if (protocol::enrol_token_name(id.value) == id_or_name) return &token;
    if (id_or_name.empty() || token.row.name != id_or_name) continue;
    if (found == nullptr || standing_of(token.row, now) == EnrolStanding::usable) found = &token;
  }
  return found;
}

Result<EnrolBook::Revoked> EnrolBook::revoke(std::string_view id_or_name, UnixMillis now) {
  Token* token = find_by_word(id_or_name, now);
  if (token == nullptr) return fail(Errc::not_found, "enrolment token \"" + std::string(id_or_name.substr(0, 100)) + "\": no such token");
  const bool is_new = !is_set(token->row.revoked_at);
  if (is_new) token->row.revoked_at = now;
  return Revoked{token->row, is_new};
}

EnrolBook::Found EnrolBook::find(core::EnrolTokenId id, const wire::PublicKey& key, UnixMillis now) const {
  const auto at = tokens_.find(id);
  if (at == tokens_.end() || (at->second.row.expires_at <= now && !is_set(at->second.row.revoked_at)))
    return protocol::EnrolRefusal{"token_expired", "the token has expired"};
  const auto& row = at->second.row;
  if (is_set(row.revoked_at)) return protocol::EnrolRefusal{"token_revoked", "the token was revoked"};
  if (!row.agent) return Fresh{row};
  if (row.public_key != key) return protocol::EnrolRefusal{"token_used", "another agent has used the token"};
  return Again{row.agent};
}

core::EnrolTokenRow EnrolBook::burn(core::EnrolTokenId id, const wire::PublicKey& key, AgentNumber agent, UnixMillis now) {
  auto& row = tokens_.at(id).row;
  STINT_ASSERT(!row.agent && agent);
  row.public_key = key;
  row.agent = agent;
  row.used_at = now;
  return row;
}

std::vector<core::EnrolTokenId> EnrolBook::forget_old(UnixMillis now) {
  std::vector<core::EnrolTokenId> old;
  for (const auto& [id, token] : tokens_)
    if (end_of(token.row) + limits::kEnrolTokenKept <= now) old.push_back(id);
  for (const auto id : old) tokens_.erase(id);
  return old;
}

std::vector<core::EnrolTokenRow> EnrolBook::list() const {
  std::vector<core::EnrolTokenRow> rows;
  for (const auto& [id, token] : tokens_) rows.push_back(token.row);
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return std::tie(a.created_at, a.id) < std::tie(b.created_at, b.id); });
  return rows;
}

std::optional<wire::EnrolPrk> EnrolBook::find_enrol_prk(std::uint64_t token) const {
  const auto at = tokens_.find(core::EnrolTokenId{token});
  return at == tokens_.end() ? std::nullopt : std::optional(at->second.prk);
}

}  // namespace stint::scheduler
