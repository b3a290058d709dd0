"""Refusals that repeat: how many entries they make."""

from datetime import UTC, datetime, timedelta

from gatewayops.record.audit.windows import LENGTH, MOST_OPEN, Windows
from gatewayops.store.audit_entry import Actor, Draft, Target

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def refusal(key: str = "key_a", tool: str = "x", reason: str = "rate_exceeded", address: str = "") -> Draft:
    return Draft(
        action="call.denied",
        actor=Actor("key", key) if key else Actor("unknown"),
        target=Target("tool", f"github/{tool}", tool),
        reason=reason,
        address=address,
    )


def test_a_flood_is_one_entry_at_once_and_one_with_a_count() -> None:
    windows = Windows()
    at = [NOW + timedelta(milliseconds=number) for number in range(1_000)]
    told = [windows.add("org", refusal(), at=moment, now=NOW) for moment in at]
    assert [draft for draft in told if draft is not None] == [refusal()]
    assert windows.close(NOW + LENGTH / 2) == []
    [(org_id, counted)] = windows.close(NOW + LENGTH)
    assert (org_id, counted.count, counted.first_at, counted.last_at) == ("org", 999, at[1], at[-1])
    assert windows.close(NOW + LENGTH * 2) == []


def test_what_did_not_repeat_is_not_told_again() -> None:
    windows = Windows()
    assert windows.add("org", refusal(), at=NOW, now=NOW)
    assert windows.close(NOW + LENGTH) == []
    assert windows.add("org", refusal(), at=NOW, now=NOW + LENGTH)


def test_callers_reasons_tools_and_organisations_are_told_apart() -> None:
    windows = Windows()
    different = [
        refusal(),
        refusal(key="key_b"),
        refusal(tool="y"),
        refusal(reason="budget_spent"),
        refusal(key="", address="203.0.113.1"),
        refusal(key="", address="203.0.113.2"),
    ]
    assert all(windows.add("org", draft, at=NOW, now=NOW) for draft in different)
    assert windows.add("other", refusal(), at=NOW, now=NOW)
    assert not any(windows.add("org", draft, at=NOW, now=NOW) for draft in different)


def test_an_attacker_who_varies_what_is_asked_for_adds_a_bounded_number() -> None:
    windows = Windows()
    drafts = [refusal(tool=f"tool{number}") for number in range(10_000)]
    told = [draft for draft in drafts if windows.add("org", draft, at=NOW, now=NOW)]
    assert len(told) == MOST_OPEN + 1
    counted = [draft for _, draft in windows.close(NOW + LENGTH)]
    assert [(draft.actor.kind, draft.count) for draft in counted] == [("many", 10_000 - MOST_OPEN - 1)]
    assert windows.add("org", refusal(), at=NOW, now=NOW + LENGTH) == refusal()
