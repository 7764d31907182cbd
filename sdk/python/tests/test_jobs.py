"""Jobs in a real cell: submitted, followed over a scheduler that is killed, cancelled, their outputs and results fetched."""

from __future__ import annotations

import sys
import threading
import urllib.parse
from pathlib import Path

import pytest
from conftest import PATIENCE_S, Cell, eventually
from proxy import CuttingProxy

from stint_sdk import ApiError, Claim, Client, ConnectionFailed, EachFrom, Job, JobFailed, Task, WaitTimeout
from stint_sdk.errors import BadRequest, Conflict, NotFound, Unauthenticated

SMALL = {"cpu": "100m"}
MIB = 1 << 20


def test_a_job_from_start_to_end(client: Client) -> None:
    job = client.submit(Job("hello", [Task(["sh", "-c", "echo hello; echo oh >&2"], resources=SMALL)]))
    assert job.wait(PATIENCE_S)["state"] == "completed"
    task = job.task()
    assert (task.log_text("stdout"), task.log_text("stderr")) == ("hello\n", "oh\n")
    assert task.refresh()["exit_code"] == 0
    assert job.explain()["why"] == "ended"
    assert [kind for kind in (event["kind"] for event in job.follow()) if kind.startswith("job")] == ["job_submitted", "job_ended"]
    assert client.job(job.id).name == "hello"
    assert job.id in [one.id for one in client.jobs(name="hello")]
    assert job.spec()["tasks"][0]["command"] == ["sh", "-c", "echo hello; echo oh >&2"]


def test_the_same_key_is_the_same_job(client: Client) -> None:
    job = Job("once", [Task(["true"])])
    assert client.submit(job, key="test-key").id == client.submit(job, key="test-key").id
    with pytest.raises(Conflict):
        client.submit(Job("other", [Task(["true"])]), key="test-key")


def test_a_document_of_the_api_is_taken_as_it_is(client: Client) -> None:
    assert client.submit({"name": "raw", "tasks": [{"command": ["true"], "own_directory": True}]}).wait(PATIENCE_S)["state"] == "completed"
    with pytest.raises(BadRequest, match="comand") as caught:
        client.submit({"tasks": [{"comand": ["true"]}]})
    assert caught.value.code == "invalid_argument"


def test_files_travel_both_ways(client: Client, tmp_path: Path) -> None:
    (tmp_path / "double.py").write_text("import sys; print(2 * int(open(sys.argv[1]).read()))")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/n").write_text("21")
    task = Task(
        run="mkdir $STINT_OUTPUTS/deep && python3 double.py data/n > $STINT_OUTPUTS/deep/n && : > $STINT_OUTPUTS/empty",
        inputs=["double.py", "data/"],
        outputs=["deep/", "empty"],
        array=range(2, 4),
        resources=SMALL,
    )
    seen: list[tuple[int, int]] = []
    job = client.submit(Job("files", [task], directory=tmp_path), progress=lambda done, total: seen.append((done, total)))
    job.wait(PATIENCE_S)
    assert seen and seen[-1][0] == seen[-1][1]
    paths = job.download(tmp_path / "to")
    assert sorted(path.relative_to(tmp_path / "to").as_posix() for path in paths) == [
        "main/2/deep/n",
        "main/2/empty",
        "main/3/deep/n",
        "main/3/empty",
    ]
    assert (tmp_path / "to/main/3/deep/n").read_text() == "42\n"
    assert [output["path"] for output in job.task("main.2").outputs()] == ["deep/n", "empty"]


def test_results_and_metrics(client: Client) -> None:
    program = """echo '{"progress":0.5,"metrics":{"loss":0.25}}' >> $STINT_REPORT
    echo "{\\"result\\":{\\"n\\":$STINT_INDEX}}" >> $STINT_REPORT"""
    job = client.submit(Job("results", [Task(run=program, array=3, resources=SMALL)]))
    job.wait(PATIENCE_S)
    assert job.results() == {f"{job.id}.main.{n}": {"n": n} for n in range(3)}
    task = job.task("main.1")
    assert task.result() == {"n": 1}
    assert task.metrics()[-1]["metrics"] == {"loss": 0.25}
    with pytest.raises(NotFound):
        client.task(f"{job.id}.main.9").result()


def test_a_failed_job_says_why(client: Client) -> None:
    job = client.submit(Job("bad", [Task(["sh", "-c", "exit 3"], resources=SMALL)]))
    with pytest.raises(JobFailed, match=f"{job.id}.main exit 3"):
        job.wait(PATIENCE_S)
    assert job.wait(check=False)["state"] == "failed"
    again = job.retry()
    assert again.id != job.id
    assert again.wait(PATIENCE_S, check=False)["state"] == "failed"


def test_a_job_is_cancelled(client: Client) -> None:
    job = client.submit(Job("long", [Task(["sleep", "600"], resources=SMALL, kill_grace="1s")]))
    with pytest.raises(WaitTimeout, match="it goes on"):
        job.wait(0.2)
    assert job.state in ("pending", "running")
    job.cancel()
    assert job.wait(PATIENCE_S, check=False)["state"] == "cancelled"


def test_needs_and_items_from_an_earlier_task(client: Client) -> None:
    crawl = Task(run="seq 3 > $STINT_OUTPUTS/items", name="crawl", outputs="items", resources=SMALL)
    use = Task(["sh", "-c", "echo got $STINT_ITEM"], name="use", each=EachFrom("crawl", "items"), resources=SMALL)
    job = client.submit(Job("flow", [crawl, use]))
    job.wait(PATIENCE_S)
    assert [task.log_text() for task in job.tasks("use")] == ["got 1\n", "got 2\n", "got 3\n"]


def test_a_plan_submits_nothing(client: Client) -> None:
    plan = client.plan(Job("planned", [Task(["true"], array=3, resources=SMALL), Task(["true"], name="huge", resources={"gpu": 99})]))
    assert [(entry["name"], entry["count"], entry["placeable"]) for entry in plan["tasks"]] == [("main", 3, True), ("huge", 1, False)]
    assert list(client.jobs(name="planned")) == []


def test_people_claim_and_answer(client: Client) -> None:
    form = {"image": "$item.url", "choice": ["cat", "dog"]}
    label = Task(name="label", driver="human", type="labeller", each=[{"url": "a"}, {"url": "b"}], form=form)
    job = client.submit(Job("people", [label]))
    claims: list[Claim] = []

    def have(count: int) -> bool:
        claims.extend(client.claim(["labeller"], limit=count - len(claims), job=job, lease="5m"))
        return len(claims) == count

    eventually("one item", lambda: have(1))
    claims.pop().release("not today")
    eventually("both items", lambda: have(2))
    assert sorted(claim.item["url"] for claim in claims) == ["a", "b"]
    for claim in claims:
        claim.answer({"choice": "cat"})
    job.wait(PATIENCE_S)
    assert list(job.results().values()) == list(job.results("label").values()) == [{"choice": "cat"}] * 2


def test_following_goes_on_when_the_scheduler_was_killed(cell: Cell, client: Client, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    wait_for_gate = f"echo first; while [ ! -e {gate} ]; do sleep 0.1; done; echo second"
    job = client.submit(Job("survive", [Task(["sh", "-c", wait_for_gate], array=2, resources=SMALL)]))
    events, output, ends = [], [], []

    def follow() -> None:
        for event in job.follow():
            events.append(event)

    def read() -> None:
        for chunk in job.task("main.1").logs(follow=True):
            output.append(chunk.text)

    threads = [threading.Thread(target=follow), threading.Thread(target=read)]
    threads.append(threading.Thread(target=lambda: ends.append(job.wait())))
    for thread in threads:
        thread.start()
    eventually("its first line", lambda: "first\n" in output)
    cell.kill_scheduler()
    gate.touch()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    assert ends[0]["state"] == "completed"
    assert "".join(output) == "first\nsecond\n"
    numbers = [event["seq"] for event in events]
    assert numbers == sorted(set(numbers))
    assert [event["kind"] for event in events][-1] == "job_ended"


def test_an_upload_that_is_cut_goes_on(cell: Cell, tmp_path: Path) -> None:
    data = b"".join(number.to_bytes(4, "big") for number in range(5 * MIB))  # 20 MiB, no two pieces alike
    (tmp_path / "big").write_bytes(data)
    where = urllib.parse.urlsplit(cell.server)
    proxy = CuttingProxy(str(where.hostname), int(where.port or 0), cut_after=6 * MIB, cuts=3)
    try:
        told: list[int] = []
        with Client(proxy.url, cell.token) as client:
            name = client.upload(tmp_path / "big", progress=lambda done, _: told.append(done))
            assert proxy.cuts_made == 3
            assert proxy.sent < len(data) + 3 * 4 * MIB + MIB  # a cut costs at most one piece
            assert told[-1] == len(data)
            before = proxy.sent
            assert client.upload(data) == name  # and what is there is not sent again
            assert proxy.sent < before + MIB
        with cell.client() as client:
            assert client.read_blob(name) == data
    finally:
        proxy.close()


def test_an_empty_blob(client: Client) -> None:
    assert client.read_blob(client.upload(b"")) == b""


def test_errors_are_those_of_the_scheduler(cell: Cell, client: Client) -> None:
    with pytest.raises(NotFound) as caught:
        client.job(99_999_999)
    assert (caught.value.status, caught.value.code) == (404, "not_found")
    with pytest.raises(Unauthenticated), Client(cell.server, "stint_9_bad") as stranger:
        stranger.info()
    with pytest.raises(ConnectionFailed, match="is the scheduler running"), Client("http://127.0.0.1:9", "t", patience_s=0) as nobody:
        nobody.info()
    assert issubclass(NotFound, ApiError)
    assert {"local-1", "local-2"} <= {agent["name"] for agent in client.agents()}


def test_a_token_of_ones_own(cell: Cell) -> None:
    token = cell.stint("token", "create", f"sdk-{sys.version_info[1]}", "--scope", "submit").strip()
    with Client(cell.server, token) as client:
        assert client.submit(Job("own", [Task(["true"], resources=SMALL)])).wait(PATIENCE_S)["submitted_by"].startswith("sdk-")
