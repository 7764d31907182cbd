#include "sim/scenario/scenario.hpp"

namespace stint::sim::scenario {

const char* const kLanguage =
    R"(One line is one event, one question or one expectation; # begins a comment. Time begins at 00:00:00 and stands
still until a line moves it. Nobody's clock, network or disk is involved: it is the scheduler's own decisions, in a second.

Agents
  agent NAME cpu=4 memory=8Gi gpu=1 storage=100Gi type=trainer,rater driver=exec label=zone:a window=8 prefetch=4 boot=ID shared=/data
  agents NAME 10 cpu=8 ...       NAME1 to NAME10
  disconnect NAME, back NAME     out of reach; in reach again, with all it holds
  drain NAME [10m], undrain NAME, revoke NAME, offer NAME cpu=2 ...

Jobs
  submit NAME priority=5 queue=q max_fails=3 key=K  cpu=1 memory=1Gi array=0-99%10 retries=1 takes=10m ...
  submit NAME | prep | train needs=prep array=0-3 gpu=1 | rate each=prep items=4
      an entry has: cpu memory gpu storage type driver label where=zone:a array needs=a,b:failure,c:always each collect outputs overlap
      retries reschedules policy=keep|stop_after|replace lost_after=15m workdir boot
      and, for `run`: takes=10m (1m unless said), fails=2 (first attempts of each task that fail), items=4 (for each)
  cancel 1, cancel 1.main, cancel 1.main.3, retry 1, remove age=30d count=100

Time
  run 2h          time passes, and agents do what they are given
  advance 15m     time passes, and nobody does anything; timers fire
  place           what fits now is placed (`run` does it by itself)
  reload          the scheduler restarts

Questions
  explain 1, explain 1.main.0, show

Word by word, for what `run` does by itself
  report AGENT 1.main.0@1 accepted|running|completed|failed|cancelled number=N reason=exit exit=1 signal=9 detail=...
  connect NAME held=1.main.0@1:running,... instance=2
  prepared 1.rate count=4, unprepared 1.rate WHY, collected 1.rate, claim PERSON limit=2 type=rater, register NAME

Expectations
  expect placed 1.main.0@1 on a1     also: stop AGENT ATTEMPT, recall AGENT ATTEMPT, ack, verdict, reconciled, cut,
                                     prepare, collect: since the last expectation
  expect no placed ..., expect sends N, expect rows N     of the last event
  expect task 1.main.0 pending attempts= failures= live= reason=
  expect job 1 completed pending= running= completed= failed= cancelled= reason=
  expect used a1 cpu=2, expect gone 1, expect event KIND key=value, expect error CODE
  expect state busy, expect summary WORDS, expect nearest a1, expect ahead N, expect waits_for 1.prep,
  expect clauses a1 N, expect clause a1 memory wanted= offered= missing= permanent     of the last `explain`
)";

}  // namespace stint::sim::scenario
