"""Types of the documents of the API, and its routes. Made by tools/generate_types.py from schema/openapi.yaml: change those."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypedDict


class ProblemRequired(TypedDict):
    """The keys of Problem that are always there."""

    type: Literal["about:blank"]
    title: str
    status: int
    code: ErrorCode
    detail: str


class Problem(ProblemRequired, total=False):
    """What, where, which value, the limit, the remedy."""

    where: str
    limit: str
    remedy: str
    offset: int


ErrorCode: TypeAlias = Literal[
    "invalid_argument",
    "unauthenticated",
    "forbidden",
    "not_found",
    "method_not_allowed",
    "already_exists",
    "conflict",
    "out_of_range",
    "digest_mismatch",
    "internal",
    "corrupt",
    "io",
    "unsupported",
    "unavailable",
    "fenced",
    "outcome_unknown",
    "no_space",
]


State: TypeAlias = Literal["pending", "running", "completed", "failed", "cancelled"]


Reason: TypeAlias = Literal[
    "exit",
    "signal",
    "oom",
    "timeout",
    "lost",
    "cancelled",
    "superseded",
    "refused",
    "start_failed",
    "needs_failed",
    "result_too_large",
    "max_fails",
    "skipped",
    "reused",
    "preparation_failed",
    "output_missing",
    "stage_failed",
    "recalled",
    None,
]


Time: TypeAlias = str


MaybeTime: TypeAlias = Time | None


Cursor: TypeAlias = str | int | None


Name: TypeAlias = str


TaskName: TypeAlias = str


TaskId: TypeAlias = str


AttemptId: TypeAlias = str


BlobId: TypeAlias = str


Strings: TypeAlias = dict[str, str]


Count: TypeAlias = int


Amount: TypeAlias = int


Milliseconds: TypeAlias = int


AgentType: TypeAlias = Literal["trainer", "inferencer", "crawler", "labeller", "rater"]


class Resources(TypedDict, total=False):
    cpu_millis: Amount
    memory_bytes: Amount
    gpu: Amount
    storage_bytes: Amount


class JobRequired(TypedDict):
    """The keys of Job that are always there."""

    tasks: list[Task]


class Job(JobRequired, total=False):
    name: str
    queue: str
    priority: int
    max_fails: Count
    retry_of: Amount


class TaskSubmit(TypedDict, total=False):
    """Where the directory was seen. An agent of that boot checks the inode before it runs the task there."""

    boot_id: str
    inode: int


class TaskArray(TypedDict, total=False):
    """Absent = one task. Task `i` of `count` gets STINT_INDEX = first + i * step."""

    first: Count
    step: Count
    count: Count
    max_parallel: Count


class TaskMatrixItem(TypedDict):
    name: TaskName
    values: list[str]


TaskEach = TypedDict(
    "TaskEach",
    {
        "items": "BlobId",
        "count": "Amount",
        "kind": 'Literal["lines", "files"]',
        "from": "TaskName",
        "file": "str",
        "batch": "int",
    },
    total=False,
)


class TaskNeedsItem1Required(TypedDict):
    """The keys of TaskNeedsItem1 that are always there."""

    task: TaskName


class TaskNeedsItem1(TaskNeedsItem1Required, total=False):
    on: Literal["success", "failure", "always"]


class TaskCollect(TypedDict):
    """When all tasks have ended, the file of every completed one, in the order of their indexes, becomes one output of the entry"""

    file: str
    into: str


class Task(TypedDict, total=False):
    """
    A task, or an array of tasks that differ in STINT_INDEX, the values of a matrix, or the items they get. `${{ matrix.NAME }}`, `${{
    item }}`, `${{ item.KEY }}` and `${{ index }}` in `command` and `env` are replaced where the task runs.
    """

    name: TaskName
    type: AgentType | Literal["labeler"] | None
    driver: Literal["exec", "python", "noop", "human"]
    command: list[str]
    env: Strings
    workdir: str
    submit: TaskSubmit | None
    resources: Resources
    array: TaskArray | None
    matrix: list[TaskMatrixItem] | None
    each: TaskEach | None
    max_parallel: Count
    needs: list[TaskName | TaskNeedsItem1]
    inputs: BlobId
    own_directory: bool
    checkpoint: bool
    outputs: list[str]
    collect: TaskCollect | None
    retries: Count
    reschedules: int | None
    timeout_ms: Milliseconds
    kill_grace_ms: Milliseconds
    on_disconnect: Literal["keep", "stop_after", "replace"]
    lost_after_ms: Milliseconds
    labels: Strings
    constraints: list[str]
    form: dict[str, Any] | None
    overlap: int
    due_ms: Milliseconds


class Output(TypedDict):
    entry: TaskName
    task: TaskId | None
    path: str
    blob: BlobId
    size_bytes: int
    executable: bool
    attempt: int | None


class OutputList(TypedDict):
    items: list[Output]
    next: Cursor


class TaskResult(TypedDict):
    task: TaskId
    result: Any


class ResultList(TypedDict):
    items: list[TaskResult]
    next: Cursor


class Checkpoint(TypedDict):
    manifest: BlobId


class ClaimedWorkItemsItem(TypedDict):
    task: TaskId
    attempt: int
    job_name: str
    type: AgentType | None
    item: Any
    form: dict[str, Any]
    lease_until: Time
    due_at: MaybeTime


class ClaimedWork(TypedDict):
    items: list[ClaimedWorkItemsItem]


class WorkDone(TypedDict):
    task: TaskId
    state: Literal["completed", "pending"]


class PlanPrevious(TypedDict):
    """The newest job of the same name, to compare with"""

    job: int
    spec: Job


class Plan(TypedDict):
    tasks: list[PlannedEntry]
    previous: PlanPrevious | None


class PlannedEntryAgentsItem(TypedDict):
    agent: str
    fits_now: int
    clauses: list[Clause]


class PlannedEntry(TypedDict):
    name: TaskName
    count: int | None
    starts_now: int
    placeable: bool
    nearest: str | None
    would_help: str | None
    summary: str
    agents: list[PlannedEntryAgentsItem]


class TaskCounts(TypedDict):
    pending: int
    running: int
    completed: int
    failed: int
    cancelled: int
    total: int


class JobViewGroupsItem(TypedDict):
    name: TaskName
    is_array: bool
    tasks: TaskCounts


class JobView(TypedDict):
    id: int
    name: str
    queue: str
    priority: int
    state: State
    reason: Reason
    detail: str | None
    submitted_by: str
    submitted_at: Time
    ended_at: MaybeTime
    tasks: TaskCounts
    groups: list[JobViewGroupsItem]


class TaskView(TypedDict):
    id: TaskId
    job: int
    name: TaskName
    index: int | None
    state: State
    reason: Reason
    exit_code: int | None
    signal: int | None
    attempts: int
    agent: str | None
    started_at: MaybeTime
    ended_at: MaybeTime
    retry_at: MaybeTime
    lease_until: MaybeTime
    progress: float | None
    metrics: dict[str, float]
    message: str | None
    has_result: bool


class AttemptRequired(TypedDict):
    """The keys of Attempt that are always there."""

    id: AttemptId
    attempt: int
    agent: str | None
    state: State
    reason: Reason
    exit_code: int | None
    signal: int | None
    live: bool
    is_result: bool
    placed_at: MaybeTime
    started_at: MaybeTime
    ended_at: MaybeTime
    detail: str | None


class Attempt(AttemptRequired, total=False):
    retry_at: MaybeTime


class TaskDetail(TaskView):
    attempts_list: list[Attempt]
    result: Any


class Clause(TypedDict):
    """
    One thing that keeps the task from the agent. Amounts are in `wanted_bytes`, `offered_bytes`, `missing_bytes` (memory, storage),
    `wanted_millis` … (cpu), or `wanted`, `offered`, `missing` (gpu).
    """

    clause: str
    permanent: bool
    text: str


class ExplanationAgentsItem(TypedDict):
    agent: str
    clauses: list[Clause]


class Explanation(TypedDict):
    task: TaskId | None
    job: int
    state: State
    why: Literal[
        "waits_for_needs",
        "preparing",
        "waits_for_people",
        "retry_wait",
        "max_parallel",
        "queued_behind",
        "no_agents",
        "no_agent_fits",
        "busy",
        "placed",
        "running",
        "claimed",
        "collecting",
        "cancelling",
        "ended",
    ]
    summary: str
    ahead: int
    would_help: str | None
    waits_for: list[str]
    agents: list[ExplanationAgentsItem]
    nearest: str | None


class LogLine(TypedDict):
    seq: int
    attempt: int
    stream: Literal["stdout", "stderr"]
    offset: int
    data: str


class LogEndRequired(TypedDict):
    """The keys of LogEnd that are always there."""

    end: Literal[True]
    state: State


class LogEnd(LogEndRequired, total=False):
    reason: Reason
    exit_code: int | None
    signal: int | None
    detail: str | None


class Report(TypedDict):
    seq: int
    attempt: int
    at: Time
    progress: float | None
    step: int | None
    metrics: dict[str, float] | None
    message: str | None


class Event(TypedDict):
    seq: int
    at: Time
    kind: str
    data: dict[str, Any]


class AgentClaimsItem(TypedDict):
    task: TaskId
    attempt: int
    lease_until: MaybeTime


class Agent(TypedDict):
    """A machine, or a person who has claimed tasks: people have no session, no resources, and no key."""

    number: int
    name: Name
    kind: Literal["machine", "person"]
    state: Literal["connected", "disconnected", "draining", "revoked", "working", "idle"]
    drain_by: MaybeTime
    types: list[AgentType]
    resources: Resources
    used: Resources
    running: int
    waiting: int
    claims: list[AgentClaimsItem]
    labels: Strings
    drivers: list[str]
    notes: list[str]
    host: str | None
    version: str | None
    allowed_types: list[AgentType]
    set_labels: Strings
    public_key: str | None
    skew_ms: int | None
    key_epoch: int | None
    last_seen_at: MaybeTime
    registered_at: Time


KeyState: TypeAlias = Literal["next", "current", "accepted", "retired", "removed"]


class KeysItemsItem(TypedDict):
    key_epoch: int
    state: KeyState
    agents: int
    created_at: Time
    installed_at: MaybeTime
    retire_at: MaybeTime
    retired_at: MaybeTime
    removed_at: MaybeTime


class KeysBehindItem(TypedDict):
    agent: Name
    number: int
    key_epoch: int
    key_state: KeyState
    connected: bool
    last_seen_at: MaybeTime


class Keys(TypedDict):
    items: list[KeysItemsItem]
    next: None
    current: int
    next_rotation_at: MaybeTime
    rotate_every_ms: int
    grace_ms: int
    behind: list[KeysBehindItem]


TokenName: TypeAlias = str


Scope: TypeAlias = Literal["read", "submit", "work", "operate", "admin"]


Scopes: TypeAlias = list[Scope]


class Token(TypedDict):
    id: int
    name: TokenName
    scopes: Scopes
    state: Literal["valid", "expired", "revoked"]
    created_by: str
    created_at: Time
    expires_at: MaybeTime
    revoked_at: MaybeTime
    last_used_at: MaybeTime


class NewToken(Token):
    token: str


class EnrolToken(TypedDict):
    id: str
    name: str | None
    types: list[AgentType]
    labels: Strings
    state: Literal["usable", "used", "expired", "revoked"]
    agent: str | None
    created_by: str
    created_at: Time
    expires_at: Time
    used_at: MaybeTime
    revoked_at: MaybeTime


class NewEnrolToken(EnrolToken):
    token: str
    addresses: list[str]


class EnrolTokenList(TypedDict):
    items: list[EnrolToken]
    next: Cursor


class Caller(TypedDict):
    name: str
    scopes: list[Scope]
    expires_at: MaybeTime


class MissingBlobs(TypedDict):
    missing: list[BlobId]


class BlobUpload(TypedDict):
    offset: int
    complete: bool


Pins: TypeAlias = list[str]


class AgentKey(TypedDict):
    number: int
    name: Name
    key_epoch: int
    key: str
    server: str
    tls_pins: Pins


class Health(TypedDict):
    status: Literal["ok", "ready"]


class Info(TypedDict):
    version: str
    cell: str
    api: Literal[1]
    state_dir: str
    server: str
    tls_pins: Pins
    started_at: Time


class JobList(TypedDict):
    items: list[JobView]
    next: Cursor


class TaskList(TypedDict):
    items: list[TaskView]
    next: Cursor


class ReportList(TypedDict):
    items: list[Report]
    next: Cursor


class EventList(TypedDict):
    items: list[Event]
    next: Cursor


class TokenList(TypedDict):
    items: list[Token]
    next: Cursor


class AgentList(TypedDict):
    items: list[Agent]
    next: Cursor


ROUTES: frozenset[tuple[str, str]] = frozenset(
    (
        ("GET", "/v1/jobs"),
        ("POST", "/v1/jobs"),
        ("GET", "/v1/jobs/{job}"),
        ("GET", "/v1/jobs/{job}/spec"),
        ("POST", "/v1/jobs/{job}/cancel"),
        ("POST", "/v1/jobs/{job}/retry"),
        ("GET", "/v1/jobs/{job}/outputs"),
        ("GET", "/v1/jobs/{job}/results"),
        ("POST", "/v1/plan"),
        ("GET", "/v1/jobs/{job}/tasks"),
        ("GET", "/v1/jobs/{job}/explain"),
        ("GET", "/v1/tasks/{task}"),
        ("GET", "/v1/tasks/{task}/explain"),
        ("GET", "/v1/tasks/{task}/logs"),
        ("GET", "/v1/tasks/{task}/reports"),
        ("GET", "/v1/tasks/{task}/result"),
        ("PUT", "/v1/attempts/{attempt}/checkpoint"),
        ("POST", "/v1/work/claim"),
        ("POST", "/v1/work/{task}/answer"),
        ("POST", "/v1/work/{task}/release"),
        ("GET", "/v1/events"),
        ("POST", "/v1/blobs/missing"),
        ("GET", "/v1/blobs/{hex}"),
        ("HEAD", "/v1/blobs/{hex}"),
        ("PATCH", "/v1/blobs/{hex}"),
        ("GET", "/v1/blobs/{hex}/upload"),
        ("GET", "/v1/agents"),
        ("POST", "/v1/agents"),
        ("GET", "/v1/agents/tokens"),
        ("POST", "/v1/agents/tokens"),
        ("DELETE", "/v1/agents/tokens/{enrol_token}"),
        ("GET", "/v1/agents/{agent}"),
        ("POST", "/v1/agents/{agent}/drain"),
        ("POST", "/v1/agents/{agent}/revoke"),
        ("GET", "/v1/keys"),
        ("POST", "/v1/keys/rotate"),
        ("POST", "/v1/keys/retire"),
        ("GET", "/v1/tokens"),
        ("POST", "/v1/tokens"),
        ("DELETE", "/v1/tokens/{name}"),
        ("GET", "/v1/whoami"),
        ("GET", "/v1/info"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
    )
)
