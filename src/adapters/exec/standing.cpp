#include "adapters/exec/standing.hpp"

#include <sched.h>

namespace stint::exec {
namespace {

bool may_change() {
  static const bool is_ordinary = ::sched_getscheduler(0) == SCHED_OTHER;
  return is_ordinary;
}

void set_policy(int policy) {
  const sched_param none{};
  if (may_change()) ::sched_setscheduler(0, policy, &none);  // nothing is lost but time if it is refused
}

}  // namespace

void stand_back() { set_policy(SCHED_BATCH); }
void stand_up() { set_policy(SCHED_OTHER); }

}  // namespace stint::exec
