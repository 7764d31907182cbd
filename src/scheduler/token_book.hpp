#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "core/model/rows.hpp"
#include "ports/entropy.hpp"

namespace stint::scheduler {

enum class TokenStanding { unknown, valid, expired, revoked };
[[nodiscard]] TokenStanding standing_of(const core::TokenRow& token, UnixMillis now);

/// The API's tokens: `stint_<id>_<secret>`, 160 random bits of secret, of which only the SHA-256 is kept. One more, `local`, is that of the
/// context file: it is no row and cannot be revoked.
class TokenBook {
 public:
  explicit TokenBook(const std::array<std::uint8_t, 32>& local_sha256);

  /// Errors:  corrupt  an id that comes twice.
  [[nodiscard]] Status load(const core::TokenRow& row);
  void clear();

  struct Wanted {
    std::string name;
    core::Scopes scopes;
    UnixMillis expires_at{};  ///< zero: never
    std::string by;
  };
  struct Made {
    core::TokenRow row;  ///< to be durable before `text` is told
    std::string text;  ///< what the holder sends; nobody can find it again
  };
  /// Errors:  invalid_argument  name, scopes or end;  already_exists  the name;  out_of_range  limits::kTokensMax.
  [[nodiscard]] Result<Made> make(const Wanted& wanted, ports::Entropy& entropy, UnixMillis now);
  struct Revoked {
    core::TokenRow row;
    bool is_new = true;  ///< else it was revoked before and stays as it is
  };
  /// By name (the valid token of it, else its newest) or by id.
  /// Errors:  not_found;  conflict  the context file's.
  [[nodiscard]] Result<Revoked> revoke(std::string_view name_or_id, UnixMillis now);

  struct Found {
    TokenStanding standing = TokenStanding::unknown;
    const core::TokenRow* token = nullptr;  ///< null if unknown; until the next change
  };
  /// In a time that tells nothing of the secret. Only who has the right secret learns that a token expired or was revoked.
  [[nodiscard]] Found find(std::string_view text, UnixMillis now) const;
  /// nullptr if there is none of that id. 0 is the context file's.
  [[nodiscard]] const core::TokenRow* find(core::TokenId id) const;
  /// By id; without the context file's.
  [[nodiscard]] std::vector<core::TokenRow> list() const;

  void note_use(core::TokenId id, UnixMillis now) { last_used_[id] = now; }
  /// Zero: not since the scheduler started.
  [[nodiscard]] UnixMillis last_use(core::TokenId id) const;

 private:
  [[nodiscard]] const core::TokenRow* find_by_name(std::string_view name, UnixMillis now) const;

  core::TokenRow local_;
  std::map<core::TokenId, core::TokenRow> tokens_;
  std::map<core::TokenId, UnixMillis> last_used_;
};

}  // namespace stint::scheduler
