#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "core/model/rows.hpp"
#include "ports/entropy.hpp"
#include "protocol/enrol_session.hpp"
#include "scheduler/sealed.hpp"
#include "wire/keys.hpp"

namespace stint::scheduler {

enum class EnrolStanding { usable, used, expired, revoked };
/// A token that was used counts as used until it expires: until then the same agent may ask again.
[[nodiscard]] EnrolStanding standing_of(const core::EnrolTokenRow& token, UnixMillis now);

/// The tokens with which machines join: each lets one agent enrol, once, until it expires. Of the secret it keeps what proves that the
/// other end has it, sealed in the rows.
class EnrolBook final : public protocol::EnrolKeyLookup {
 public:
  /// `cell`: SHA-256 of the cell's public key; every token says it.
  EnrolBook(const KekBytes& kek, const wire::Digest& cell) : kek_(kek), cell_(cell) {}

  /// Errors:  corrupt  an id that comes twice, or a secret that was not sealed under this key-encryption key.
  [[nodiscard]] Status load(const core::EnrolTokenRow& row);
  void clear() { tokens_.clear(); }

  struct Wanted {
    std::string name;  ///< of the agent to be; empty: it may choose
    core::AgentTerms terms;
    Duration life{};
    std::string by;
  };
  struct Made {
    core::EnrolTokenRow row;  ///< to be durable before `text` is told
    std::string text;  ///< what `stint agent join` takes; nobody can find it again
  };
  /// Errors:  invalid_argument  life, labels;  already_exists  a usable token names that agent;  out_of_range  limits::kEnrolTokensMax.
  [[nodiscard]] Result<Made> make(const Wanted& wanted, ports::Entropy& entropy, UnixMillis now);
  struct Revoked {
    core::EnrolTokenRow row;
    bool is_new = true;  ///< else it was revoked before and stays as it is
  };
  /// By its id of 16 hexadecimal digits, or by the name it gives, the usable one of it first.
  /// Errors:  not_found.
  [[nodiscard]] Result<Revoked> revoke(std::string_view id_or_name, UnixMillis now);

  struct Fresh {
    core::EnrolTokenRow row;  ///< by value: the registration that follows may change the book
  };
  struct Again {
    AgentNumber agent;
  };
  using Found = std::variant<Fresh, Again, protocol::EnrolRefusal>;
  /// Whether the holder of this public key may use the token now: for the first time, again, or not.
  [[nodiscard]] Found find(core::EnrolTokenId id, const wire::PublicKey& key, UnixMillis now) const;
  /// Binds the token to the key and the agent. The row must be durable before the agent hears of it.
  [[nodiscard]] core::EnrolTokenRow burn(core::EnrolTokenId id, const wire::PublicKey& key, AgentNumber agent, UnixMillis now);

  /// Those that ended long ago; they are gone from the book, and their rows may go.
  [[nodiscard]] std::vector<core::EnrolTokenId> forget_old(UnixMillis now);
  /// The oldest first.
  [[nodiscard]] std::vector<core::EnrolTokenRow> list() const;

  [[nodiscard]] std::optional<wire::EnrolPrk> find_enrol_prk(std::uint64_t token) const override;

 private:
  struct Token {
    core::EnrolTokenRow row;
    wire::EnrolPrk prk;
  };
  [[nodiscard]] Token* find_by_word(std::string_view id_or_name, UnixMillis now);

  KekBytes kek_;
  wire::Digest cell_;
  std::map<core::EnrolTokenId, Token> tokens_;
};

}  // namespace stint::scheduler
