"""Which limits a call counts against, and what a worker keeps of them."""

import gc

import pytest

from gatewayops.base.errors import Reason
from gatewayops.identity.principal import Principal
from gatewayops.policy.limits.buckets import Bucket, Limits, RateExceeded, refusal, take
from gatewayops.policy.limits.settings import LimitSettings
from gatewayops.store.snapshot import LimitRow, ServerRow, Snapshot, TeamRow

SECOND = 1_000_000_000
NO_DEFAULTS = LimitSettings(default_user="0", default_team="0", default_api_key="0", default_global="0")
ORG = "org_default"
ADA = Principal(org_id=ORG, key_id="key_1", user_id="user_ada", team_id="team_platform")
TREE = (
    TeamRow("team_engineering", ORG),
    TeamRow("team_platform", ORG, "team_engineering"),
    TeamRow("team_web", ORG, "team_engineering"),
)
SERVER = ServerRow("srv_1", ORG, "github", "http://127.0.0.1:9/mcp", 30, 5, 2, 100, True)


def row(scope: str, subject: str, calls: int, window_s: int = 60, burst: int = 0) -> LimitRow:
    return LimitRow(ORG, scope, subject, calls, window_s, burst)


def limits_of(*rows: LimitRow, settings: LimitSettings = NO_DEFAULTS) -> Limits:
    limits = Limits(settings)
    limits.replace(rows, Snapshot(revision=1, made_at=0.0, teams=TREE, servers=(SERVER,), limits=rows))
    return limits


def held(limits: Limits, principal: Principal = ADA) -> list[tuple[str, str, int]]:
    return [(b.row.scope, b.row.subject, b.row.calls) for b in limits.buckets(principal, "github")]


def test_every_scope_counts_and_a_team_counts_for_its_subtree() -> None:
    limits = limits_of(
        row("api_key", "key_1", 1),
        row("user", "user_ada", 2),
        row("team", "team_platform", 3),
        row("team", "team_engineering", 4),
        row("team", "team_web", 99),
        row("server", "srv_1", 5),
        row("global", "", 6),
        LimitRow("org_other", "user", "user_ada", 7, 60),
    )
    assert held(limits) == [
        ("api_key", "key_1", 1),
        ("user", "user_ada", 2),
        ("team", "team_platform", 3),
        ("server", "srv_1", 5),
        ("global", "", 6),
        ("team", "team_engineering", 4),
    ]


def test_defaults_hold_where_the_call_has_such_a_subject_and_no_rule() -> None:
    assert held(limits_of(settings=LimitSettings())) == [
        ("api_key", "key_1", 500),
        ("user", "user_ada", 100),
        ("team", "team_platform", 1000),
        ("global", "", 10_000),
    ]
    bare = Principal(org_id=ORG, key_id="key_2")
    assert [scope for scope, *_ in held(limits_of(settings=LimitSettings()), bare)] == ["api_key", "global"]


def test_a_rule_wins_over_one_for_each_which_wins_over_the_default() -> None:
    limits = limits_of(
        row("api_key", "*", 7), row("api_key", "key_1", 0), row("global", "", 0), settings=LimitSettings()
    )
    other = Principal(org_id=ORG, key_id="key_2")
    assert held(limits, other) == [("api_key", "key_2", 7)]
    assert ("api_key", "key_1", 7) not in held(limits)


def test_teams_of_one_tree_share_the_bucket_above_them() -> None:
    limits = limits_of(row("team", "team_engineering", 2))
    web = Principal(org_id=ORG, key_id="key_2", team_id="team_web")
    assert take(limits.buckets(ADA, "github"), 0) is None
    assert take(limits.buckets(web, "github"), 0) is None
    assert take(limits.buckets(ADA, "github"), 0) is limits.buckets(web, "github")[0]


def test_a_refused_call_takes_from_no_bucket() -> None:
    limits = limits_of(row("api_key", "key_1", 10), row("user", "user_ada", 1))
    key, user = buckets = limits.buckets(ADA, "github")
    assert take(buckets, 0) is None
    assert [take(buckets, 0) for _ in range(5)] == [user] * 5
    assert key.left == 9


def test_counts_outlive_a_snapshot_unless_their_limit_changed() -> None:
    limits = limits_of(row("api_key", "key_1", 2), row("user", "user_ada", 2))
    take(limits.buckets(ADA, "github"), 0)
    gc.collect()
    rows = row("api_key", "key_1", 2), row("user", "user_ada", 3)
    limits.replace(rows, Snapshot(revision=2, made_at=0.0))
    key, user = limits.buckets(ADA, "github")
    take((key, user), 0)
    assert (key.left, user.left) == (0, 2)


def test_idle_subjects_are_forgotten_and_busy_ones_are_not() -> None:
    limits = limits_of(row("api_key", "*", 2))
    for number in range(1000):
        take(limits.buckets(Principal(org_id=ORG, key_id=f"key_{number}"), "github"), 0)
    limits.sweep(59 * SECOND)
    gc.collect()
    assert len(limits._known) == len(limits._busy) == 1000
    limits.sweep(60 * SECOND)
    gc.collect()
    assert len(limits._known) == len(limits._busy) == 0


def test_an_idle_bucket_that_terms_still_hold_stays_the_one_for_its_subject() -> None:
    limits = limits_of(row("api_key", "key_1", 2))
    held_by_terms = limits.buckets(ADA, "github")
    limits.sweep(0)
    take(held_by_terms, 0)
    assert limits.buckets(ADA, "other") == held_by_terms
    limits.sweep(0)
    del held_by_terms
    gc.collect()
    assert limits.buckets(ADA, "github")[0].left == 1


@pytest.mark.parametrize(
    ("rate", "elapsed_s", "wait_s"),
    [
        pytest.param((5, 60), 30, 30, id="the first of five comes back a minute after it came"),
        pytest.param((5, 60), 59.5, 1, id="never less than a second"),
        pytest.param((500, 60), 0.7, 60, id="a large limit is counted by grains"),
        pytest.param((2, 3600), 10, 3590, id="an hour"),
    ],
)
def test_a_refusal_says_which_limit_and_when_to_come_back(
    monkeypatch: pytest.MonkeyPatch, rate: tuple[int, int], elapsed_s: float, wait_s: int
) -> None:
    monkeypatch.setattr("gatewayops.base.clock.unix_s", lambda: 1_736_937_000.0)  # 2025-01-15T10:30:00Z
    bucket = Bucket(row("user", "user_ada", *rate))
    for _ in range(rate[0]):
        assert take((bucket,), 0) is None
    now = int(elapsed_s * SECOND)
    assert take((bucket,), now) is bucket

    error = refusal(bucket, now)

    assert isinstance(error, RateExceeded)
    assert (error.status, error.code, error.reason) == (429, "rate_limit_exceeded", Reason.RATE_EXCEEDED)
    headers = dict(error.headers)
    assert headers["X-RateLimit-Limit"] == str(rate[0])
    assert headers["X-RateLimit-Remaining"] == "0"
    assert headers["Retry-After"] == str(wait_s)
    reset = int(headers["X-RateLimit-Reset"])
    assert 0 <= reset - 1_736_937_000 <= wait_s
    assert f"Retry after {wait_s} second" in error.detail
    assert take((bucket,), now + wait_s * SECOND) is None


def test_the_body_of_a_refusal_is_the_documented_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatewayops.base.clock.unix_s", lambda: 1_736_937_030.0)
    bucket = Bucket(row("user", "user_ada", 100))
    for _ in range(100):
        take((bucket,), 0)
    take((bucket,), 30 * SECOND)
    error = refusal(bucket, 30 * SECOND)
    assert error.detail == "Rate limit exceeded. Retry after 30 seconds."
    assert dict(error.extra) == {
        "limit": 100,
        "window": "1m",
        "reset_at": "2025-01-15T10:31:00Z",
        "scope": "user",
    }


def test_a_tree_of_teams_that_runs_in_a_circle_ends() -> None:
    limits = Limits(NO_DEFAULTS)
    ring = TeamRow("team_platform", ORG, "team_web"), TeamRow("team_web", ORG, "team_platform")
    limits.replace((), Snapshot(revision=1, made_at=0.0, teams=ring))
    assert limits.buckets(ADA, "github") == ()
