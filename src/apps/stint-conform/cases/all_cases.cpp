#include <algorithm>
#include <iterator>

#include "apps/stint-conform/cases/agent_cases.hpp"
#include "apps/stint-conform/cases/scheduler_cases.hpp"
#include "apps/stint-conform/cases/session_cases.hpp"

namespace stint::conform {
namespace {

/// Section and number as one: 2.09 before 10.01.
int rank(const std::string& id) {
  const auto dot = id.find('.');
  return std::stoi(id.substr(1, dot - 1)) * 100 + std::stoi(id.substr(dot + 1));
}

/// The common cases with the letter of one side, in its own sessions, and its own cases, in order.
template <class Subject>
std::vector<Case<Subject>> with_common(char letter, std::vector<Case<Subject>> own) {
  for (auto& common : session_cases()) {
    own.push_back(
        {letter + std::string(common.number), common.title, common.sentence, [run = std::move(common.run)](Subject& subject) -> Check {
           CONFORM_TRY(auto session, subject.establish());
           return run(session);
         }});
  }
  std::sort(own.begin(), own.end(), [](const auto& a, const auto& b) { return rank(a.id) < rank(b.id); });
  return own;
}

template <class Subject>
void append(std::vector<Case<Subject>>& all, std::vector<Case<Subject>> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

/// Cases that an implementation without this feature is not tried with.
template <class Subject>
std::vector<Case<Subject>> of(const char* feature, std::vector<Case<Subject>> cases) {
  for (auto& tried : cases) tried.feature = feature;
  return cases;
}
template <class Subject>
std::vector<Case<Subject>> alone(std::vector<Case<Subject>> cases) {
  for (auto& tried : cases) tried.is_alone = true;
  return cases;
}

}  // namespace

std::vector<SchedulerCase> scheduler_cases() {
  std::vector<SchedulerCase> own;
  append(own, scheduler::greeting_cases());
  append(own, scheduler::handshake_cases());
  append(own, scheduler::hello_cases());
  append(own, scheduler::replay_cases());
  append(own, scheduler::order_cases());
  append(own, scheduler::meaning_cases());
  append(own, scheduler::work_cases());
  append(own, scheduler::output_cases());
  append(own, scheduler::provisional_cases());
  append(own, of("enrolment", scheduler::enrol_cases()));
  append(own, of("enrolment", scheduler::enrol_frame_cases()));
  append(own, of("enrolment", scheduler::revocation_cases()));
  append(own, of("rekey", alone(scheduler::key_cases())));
  append(own, of("tls", scheduler::tls_cases()));
  append(own, of("websocket", scheduler::web_socket_cases()));
  return with_common('S', std::move(own));
}

std::vector<AgentCase> agent_cases() {
  std::vector<AgentCase> own;
  append(own, agent::greeting_cases());
  append(own, agent::answer_cases());
  append(own, agent::meaningless_answer_cases());
  append(own, agent::rejection_cases());
  append(own, agent::order_cases());
  append(own, agent::meaning_cases());
  append(own, agent::work_cases());
  append(own, agent::held_cases());
  append(own, agent::output_cases());
  append(own, agent::provisional_cases());
  append(own, of("enrolment", agent::enrol_cases()));
  append(own, of("enrolment", agent::enrol_answer_cases()));
  append(own, of("rekey", agent::rekey_cases()));
  append(own, of("rekey", agent::bad_rekey_cases()));
  append(own, of("tls", agent::pin_cases()));
  append(own, of("tls", agent::tls_cases()));
  return with_common('A', std::move(own));
}

}  // namespace stint::conform
