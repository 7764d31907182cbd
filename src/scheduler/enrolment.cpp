#include "scheduler/enrolment.hpp"

#include <string>
#include <utility>

namespace stint::scheduler {
namespace {

using What = decltype(EnrolAnswer::what);
using protocol::EnrolRefusal;

EnrolRefusal to_refusal(const Error& error) {
  switch (error.code) {
    case Errc::already_exists: return {"name_taken", error.detail};
    case Errc::out_of_range: return {"cell_full", error.detail};
    default: return {"bad_name", error.detail};
  }
}

What grant(AgentNumber number, const core::Scheduler& core, const Keyring& keys) {
  const auto* agent = core.find_agent(number);
  const KeyEpoch epoch = keys.current_epoch();
  const auto key = keys.find_agent_key(number, epoch);
  if (agent == nullptr || !key) return EnrolRefusal{"token_revoked", "the agent that enrolled with this token was revoked"};
  return protocol::EnrolGrant{{number, epoch, agent->generation}, wire::AgentKey(*key), agent->name};
}

}  // namespace

What decide_enrolment(const protocol::Enrol& request, EnrolBook& book, core::Scheduler& core, const Keyring& keys, Now now,
                      core::Effects& effects) {
  const core::EnrolTokenId token{request.token};
  const auto found = book.find(token, request.public_key, now.wall);
  if (const auto* refusal = std::get_if<EnrolRefusal>(&found)) return *refusal;
  if (const auto* again = std::get_if<EnrolBook::Again>(&found)) return grant(again->agent, core, keys);
  const auto& row = std::get<EnrolBook::Fresh>(found).row;
  core::RegisterAgent event;
  event.name = row.name.empty() ? request.name : row.name;
  event.by = row.created_by;
  event.terms = row.terms;
  event.public_key = request.public_key;
  const auto number = core.register_agent(event, now, effects);
  if (!number) return to_refusal(number.error());
  effects.rows.emplace_back(book.burn(token, request.public_key, *number, now.wall));
  return grant(*number, core, keys);
}

}  // namespace stint::scheduler
