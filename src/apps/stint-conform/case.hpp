#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/stint-conform/check.hpp"

namespace stint::conform {

/// What may be left out of an implementation, with `--without`.
inline constexpr std::array<std::string_view, 4> kFeatures{"enrolment", "rekey", "tls", "websocket"};

class Session;
class SchedulerSubject;
class AgentSubject;

/// One rule, tried on one implementation. `sentence` stands literally in docs/protocol.md; a test sees to it.
template <class Subject>
struct Case {
  std::string id;  ///< S of the scheduler, A of the agent, then section and number; never used again for another rule
  std::string title;
  std::string sentence;
  std::function<Check(Subject&)> run;
  std::string feature = {};  ///< what an implementation may lack (kFeatures); empty: nothing without it
  bool is_alone = false;     ///< changes what other cases rely on: runs by itself, after them
};
using SchedulerCase = Case<SchedulerSubject>;
using AgentCase = Case<AgentSubject>;

/// A rule that binds both sides alike, tried in a session that is established and has done nothing else. `number` lacks the letter.
struct SessionCase {
  const char* number;
  const char* title;
  const char* sentence;
  std::function<Check(Session&)> run;
};

[[nodiscard]] std::vector<SchedulerCase> scheduler_cases();
[[nodiscard]] std::vector<AgentCase> agent_cases();

}  // namespace stint::conform
