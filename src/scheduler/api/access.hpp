#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "core/model/scope.hpp"
#include "scheduler/api/handlers.hpp"
#include "scheduler/principal.hpp"

/// Which route exists, who may use it and which function answers: one table. The router walks it, schema/openapi.yaml is held against it.
namespace stint::scheduler::api {

/// Who may use a route.
struct Access {
  enum class Door : std::uint8_t {
    open,  ///< everybody
    loopback,  ///< everybody on this machine, else who holds a scope
    token,  ///< who holds a scope
  };
  Door door = Door::token;
  core::Scopes any_of;  ///< one of these is enough
  bool attempts = false;  ///< and the token of a live attempt
};
inline constexpr Access kOpen{Access::Door::open, {}};
inline constexpr Access kOpenOnLoopback{Access::Door::loopback, core::Scopes{core::Scope::read}};
inline constexpr Access kRead{Access::Door::token, core::Scopes{core::Scope::read}};
inline constexpr Access kSubmit{Access::Door::token, core::Scopes{core::Scope::submit}};
/// One's own jobs, or anybody's: the handler tells them apart.
inline constexpr Access kSubmitOrOperate{Access::Door::token, core::Scopes{core::Scope::submit, core::Scope::operate}};
inline constexpr Access kWork{Access::Door::token, core::Scopes{core::Scope::work}};
inline constexpr Access kOperate{Access::Door::token, core::Scopes{core::Scope::operate}};
inline constexpr Access kAdmin{Access::Door::token, core::Scopes{core::Scope::admin}};
/// The token of a live attempt, and no other.
inline constexpr Access kOnlyAttempt{Access::Door::token, {}, true};
constexpr Access or_attempt(Access access) {
  access.attempts = true;
  return access;
}

using Handler = Answer (*)(const Call&);

struct Route {
  std::string_view method;
  std::string_view path;  ///< `{name}` stands for one part that is not empty
  Access access;
  Handler handle;
};

[[nodiscard]] std::span<const Route> routes();

struct RouteMatch {
  const Route* route = nullptr;  ///< null: no such path, or not with this method
  PathValues values;
  std::string allowed;  ///< the methods of the path, `GET, POST`; empty: no such path
};
/// The first pattern of the table that fits the path counts: fixed words stand before a `{name}` in the same place.
[[nodiscard]] RouteMatch find_route(std::string_view method, std::string_view path);

/// Does `access` let this principal in? Open doors aside.
[[nodiscard]] bool may_enter(const Access& access, const Principal& principal);

}  // namespace stint::scheduler::api
