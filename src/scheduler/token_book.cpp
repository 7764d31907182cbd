#include "scheduler/token_book.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/bytes.hpp"
#include "scheduler/limits.hpp"
#include "scheduler/principal.hpp"
#include "wire/crypto.hpp"

namespace stint::scheduler {
namespace {

constexpr std::string_view kPrefix = "stint_";
constexpr std::size_t kSecretBytes = 20;

bool is_set(UnixMillis time) { return time != UnixMillis{}; }

std::optional<core::TokenId> parse_id(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return core::TokenId{value};
}

/// The id in `stint_12_…`; 0, the context file's, for a text of any other form.
core::TokenId id_in(std::string_view text) {
  if (!text.starts_with(kPrefix)) return {};
  text.remove_prefix(kPrefix.size());
  return parse_id(text.substr(0, text.find('_'))).value_or(core::TokenId{});
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// A letter first: a number would be taken for an id.
Status check_name(std::string_view name) {
  const auto fits = [](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'; };
  if (!name.empty() && name.size() <= limits::kTokenNameMax && is_letter(name.front()) && std::all_of(name.begin(), name.end(), fits))
    return {};
  return fail(Errc::invalid_argument, "name \"" + std::string(name.substr(0, 100)) +
                                          "\": expected a letter, then letters, digits, `-`, `_` or `.`, at most " +
                                          std::to_string(limits::kTokenNameMax) + " together");
}

}  // namespace

TokenStanding standing_of(const core::TokenRow& token, UnixMillis now) {
  if (is_set(token.revoked_at)) return TokenStanding::revoked;
  return is_set(token.expires_at) && token.expires_at <= now ? TokenStanding::expired : TokenStanding::valid;
}

TokenBook::TokenBook(const std::array<std::uint8_t, 32>& local_sha256) {
  local_.name = kLocalName;
  local_.scopes = {core::Scope::admin};
  local_.sha256 = local_sha256;
}

Status TokenBook::load(const core::TokenRow& row) {
  if (!row.id || !tokens_.emplace(row.id, row).second)
    return fail(Errc::corrupt, "token " + std::to_string(row.id.value) + " comes twice, or has no id");
  return {};
}

void TokenBook::clear() { tokens_.clear(); }

Result<TokenBook::Made> TokenBook::make(const Wanted& wanted, ports::Entropy& entropy, UnixMillis now) {
  STINT_TRY_VOID(check_name(wanted.name));
  if (wanted.scopes.empty()) return fail(Errc::invalid_argument, "scopes: at least one of read, submit, work, operate, admin is needed");
  if (is_set(wanted.expires_at) && wanted.expires_at <= now) return fail(Errc::invalid_argument, "the token would have expired already");
  if (const auto* same = find_by_name(wanted.name, now); same != nullptr && standing_of(*same, now) == TokenStanding::valid)
    return fail(Errc::already_exists, "a valid token is named " + wanted.name + " already; revoke it, or choose another name");
  const auto valid = std::count_if(tokens_.begin(), tokens_.end(),
                                   [&](const auto& entry) { return standing_of(entry.second, now) == TokenStanding::valid; });
  if (static_cast<std::size_t>(valid) >= limits::kTokensMax)
    return fail(Errc::out_of_range,
                std::to_string(valid) + " tokens are valid, the limit is " + std::to_string(limits::kTokensMax) + "; revoke some");
  Made made;
  made.row.id = core::TokenId{tokens_.empty() ? 1 : tokens_.rbegin()->first.value + 1};
  std::array<std::uint8_t, kSecretBytes> secret{};
  entropy.fill(secret);
  made.text = std::string(kPrefix) + std::to_string(made.row.id.value) + "_" + to_hex(secret);
  wire::wipe(secret);
  made.row.name = wanted.name;
  made.row.scopes = wanted.scopes;
  made.row.sha256 = wire::sha256(as_bytes(made.text));
  made.row.created_by = wanted.by;
  made.row.created_at = now;
  made.row.expires_at = wanted.expires_at;
  tokens_.emplace(made.row.id, made.row);
  return made;
}

Result<TokenBook::Revoked> TokenBook::revoke(std::string_view name_or_id, UnixMillis now) {
  const auto id = parse_id(name_or_id);
  const auto* found = id ? find(*id) : find_by_name(name_or_id, now);
  if (found == nullptr) return fail(Errc::not_found, "token \"" + std::string(name_or_id) + "\": no such token");
  if (found == &local_)
    return fail(Errc::conflict,
                "`local` is the token of context.json: to replace it, stop the scheduler, remove that file and start it again");
  auto& row = tokens_.at(found->id);
  const bool is_new = !is_set(row.revoked_at);
  if (is_new) row.revoked_at = now;
  return Revoked{row, is_new};
}

TokenBook::Found TokenBook::find(std::string_view text, UnixMillis now) const {
  const auto* token = find(id_in(text));
  if (token == nullptr || !wire::equal_in_constant_time(wire::sha256(as_bytes(text)), token->sha256)) return {};
  return {standing_of(*token, now), token};
}

const core::TokenRow* TokenBook::find(core::TokenId id) const {
  if (!id) return &local_;
  const auto at = tokens_.find(id);
  return at == tokens_.end() ? nullptr : &at->second;
}

std::vector<core::TokenRow> TokenBook::list() const {
  std::vector<core::TokenRow> rows;
  for (const auto& [id, row] : tokens_) rows.push_back(row);
  return rows;
}

UnixMillis TokenBook::last_use(core::TokenId id) const {
  const auto at = last_used_.find(id);
  return at == last_used_.end() ? UnixMillis{} : at->second;
}

const core::TokenRow* TokenBook::find_by_name(std::string_view name, UnixMillis now) const {
  if (name == local_.name) return &local_;
  const core::TokenRow* found = nullptr;
  for (const auto& [id, row] : tokens_)
    if (row.name == name && (found == nullptr || standing_of(*found, now) != TokenStanding::valid)) found = &row;
  return found;
}

}  // namespace stint::scheduler
