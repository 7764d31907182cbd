#!/usr/bin/env python3
"""Machines out of reach: cables out, half-open connections, and machines that stand still beyond the lease. One result, whoever gives it.

Real processes on machines of their own (network.py); what the line between them does is bad_line.py's. Needs root.
"""

import time

import e2e
from network import NetworkCase


class OneTask(NetworkCase):
    """A task on `edge` whose end is in the test's hands."""

    def begin_on_edge(self, **keys):
        """A gated task that has begun there, and its process."""
        (task,) = self.begin_work(gated=True, labels={"place": "edge"}, **keys)
        (process,) = self.wait_begun()
        return task, process

    def begin_on_either(self, **keys):
        """The same; another attempt may run on `spare` then, and only then."""
        self.spare_is_away(True)
        (task,) = self.begin_work(gated=True, **keys)
        (process,) = self.wait_begun()
        self.assertEqual("edge", self.task(task)["agent"])
        self.spare_is_away(False)
        return task, process

    def spare_is_away(self, is_away):
        if is_away:
            self.spare.agent.terminate()
            self.spare.agent.wait()
            self.wait_for_agent("spare", "disconnected")
        else:
            self.spare.start_agent("--cpu 4 --label place=spare")
            self.wait_for_agent("spare", "connected")

    def check_one_result(self, task, attempt, begun):
        """That attempt's; attempts that began; nothing of the task runs any more, anywhere."""
        self.assertEqual("completed", self.state_of(task))
        self.assertEqual([attempt], self.results_of(task))
        found = self.witnessed()
        self.assertEqual(list(range(1, begun + 1)), [process.attempt for process in found.begun])
        self.assertIn(attempt, [process.attempt for process in found.ended])
        self.eventually(
            "no process of the task is left", lambda: not any(e2e.start_time(process.pid) == process.start for process in found.begun)
        )


class Cuts(OneTask):
    def test_partition_shorter_than_the_lease(self):
        task, process = self.begin_on_edge()
        self.line.cut()
        time.sleep(1.5)  # half the lease
        self.line.heal()
        self.assertTrue(process.is_alive())
        self.let_go()
        self.check_done_once([task])

    def test_partition_longer_than_the_lease(self):
        task, process = self.begin_on_edge()
        before = self.sessions()
        self.line.cut()
        self.wait_for_agent("edge", "disconnected")
        self.assertTrue(process.is_alive())
        self.line.heal()
        self.wait_for_agent("edge", "connected")
        self.assertTrue(process.is_alive())
        self.assertGreater(self.sessions(), before)
        self.let_go()
        self.check_done_once([task])

    def test_a_result_waits_for_the_network(self):
        task, process = self.begin_on_edge()
        self.line.cut()
        self.let_go()
        self.eventually("the task's end", lambda: not process.is_alive())
        self.wait_for_agent("edge", "disconnected")
        self.assertEqual("running", self.state_of(task))
        self.line.heal()
        self.check_done_once([task])

    def test_the_machine_has_no_network(self):
        """Its interface is down: sends fail at once, and the scheduler is left with half a connection."""
        task, process = self.begin_on_edge()
        self.net.run_in("edge", "ip", "link", "set", "net0", "down")
        self.addCleanup(self.net.run_in, "edge", "ip", "link", "set", "net0", "up")
        self.wait_for_agent("edge", "disconnected")
        self.net.run_in("edge", "ip", "link", "set", "net0", "up")
        self.wait_for_agent("edge", "connected")
        self.assertTrue(process.is_alive())
        self.let_go()
        self.check_done_once([task])

    def test_a_connection_that_is_half_open_on_both_sides(self):
        """As behind a NAT that was restarted: what is there is dropped silently, what is new works."""
        task, process = self.begin_on_edge()
        before = self.sessions()
        self.line.forget_all()
        self.eventually("another session", lambda: self.sessions() > before)
        self.wait_for_agent("edge", "connected")
        self.assertTrue(process.is_alive())
        self.let_go()
        self.check_done_once([task])

    def test_the_agent_is_cut_off_alone(self):
        """What it says is lost, what it is told arrives."""
        task, process = self.begin_on_edge()
        self.line.set_censor(lambda segment: segment.is_up)
        self.addCleanup(self.line.set_censor, None)
        self.wait_for_agent("edge", "disconnected")
        self.line.set_censor(None)
        self.wait_for_agent("edge", "connected")
        self.assertTrue(process.is_alive())
        self.let_go()
        self.check_done_once([task])

    def test_replaced_while_away_and_done_there(self):
        """The second attempt's result counts; what the first one did is stopped when the cable is back."""
        task, process = self.begin_on_either(on_disconnect="replace")
        self.line.cut()
        self.wait_begun(attempt=2)
        self.let_go(2)
        self.wait_completed([task])
        self.line.heal()
        self.eventually("the first attempt's end", lambda: not process.is_alive())
        self.check_one_result(task, attempt=2, begun=2)

    def test_replaced_while_away_and_both_done(self):
        """Both ended well; the first had left the live set, so it never counts, though it ended first."""
        task, process = self.begin_on_either(on_disconnect="replace")
        self.line.cut()
        self.wait_begun(attempt=2)
        self.let_go(1)
        self.eventually("the first attempt's end", lambda: not process.is_alive())
        self.line.heal()
        self.wait_for_agent("edge", "connected")
        self.eventually("the first attempt is known to have ended", lambda: self.task(task)["attempts_list"][0]["ended_at"])
        self.assertEqual("running", self.state_of(task))
        self.let_go(2)
        self.wait_completed([task])
        self.check_one_result(task, attempt=2, begun=2)

    def test_kept_and_the_first_to_complete_wins(self):
        task, _ = self.begin_on_either(on_disconnect="keep", lost_after="1s")
        self.line.cut()
        (second,) = self.wait_begun(attempt=2)
        self.line.heal()
        self.wait_for_agent("edge", "connected")
        self.let_go(1)
        self.wait_completed([task])
        self.eventually("the second attempt's end", lambda: not second.is_alive())
        self.check_one_result(task, attempt=1, begun=2)


class StandsStill(OneTask):
    """The whole machine is stopped (SIGSTOP to agent, keeper, guard and tasks) for longer than the lease, and goes on as if nothing was."""

    def stop_edge(self):
        self.edge.stop()
        self.wait_for_agent("edge", "disconnected")

    def test_alone(self):
        task, process = self.begin_on_edge()
        self.stop_edge()
        self.edge.go_on()
        self.wait_for_agent("edge", "connected")
        self.assertTrue(process.is_alive())
        self.let_go()
        self.check_done_once([task])

    def test_while_another_attempt_completes(self):
        task, process = self.begin_on_either(on_disconnect="keep", lost_after="1s")
        self.stop_edge()
        self.wait_begun(attempt=2)
        self.let_go(2)
        self.wait_completed([task])
        self.edge.go_on()
        self.eventually("the first attempt's end", lambda: not process.is_alive())
        self.check_one_result(task, attempt=2, begun=2)

    def test_and_is_first_all_the_same(self):
        task, _ = self.begin_on_either(on_disconnect="keep", lost_after="1s")
        self.stop_edge()
        (second,) = self.wait_begun(attempt=2)
        self.let_go(1)
        self.edge.go_on()
        self.wait_completed([task])
        self.eventually("the second attempt's end", lambda: not second.is_alive())
        self.check_one_result(task, attempt=1, begun=2)

    def test_and_had_been_replaced(self):
        task, process = self.begin_on_either(on_disconnect="replace")
        self.stop_edge()
        self.wait_begun(attempt=2)
        self.let_go(1)
        self.edge.go_on()
        self.eventually("the first attempt's end", lambda: not process.is_alive())
        self.wait_for_agent("edge", "connected")
        self.assertEqual("running", self.state_of(task))
        self.let_go(2)
        self.wait_completed([task])
        self.check_one_result(task, attempt=2, begun=2)


if __name__ == "__main__":
    e2e.main()
