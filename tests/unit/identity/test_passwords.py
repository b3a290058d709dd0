"""Passwords: which may be chosen, and that checking costs the same for nobody as for somebody."""

import asyncio

import pytest

from gatewayops.base.errors import InvalidInput, TooMany
from gatewayops.identity import passwords
from gatewayops.identity.passwords import Passwords, check_new


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch):
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "_PASSES", 1)


async def test_only_the_password_itself_is_right():
    check = Passwords()
    kept = await check.hash("four unrelated words here")
    assert await check.is_right("four unrelated words here", kept)
    for other in ("four unrelated words", "", "Four unrelated words here", "x" * 5_000):
        assert not await check.is_right(other, kept)
    for broken in ("", "x", "$argon2id$v=19$m=64,t=1,p=1$x$y"):
        assert not await check.is_right("four unrelated words here", broken)


async def test_it_is_the_same_password_however_a_keyboard_composes_it():
    check = Passwords()
    kept = await check.hash("\u00fcber alle Berge \u2163")
    assert await check.is_right("u\u0308ber alle Berge IV", kept)


async def test_a_hash_of_another_cost_is_stale(monkeypatch):
    kept = await Passwords().hash("four unrelated words here")
    assert not Passwords().is_stale(kept)
    monkeypatch.setattr(passwords, "_PASSES", 2)
    assert Passwords().is_stale(kept)
    assert await Passwords().is_right("four unrelated words here", kept)
    assert Passwords().is_stale("nonsense")


async def test_too_many_at_once_are_told_to_wait(monkeypatch):
    monkeypatch.setattr(passwords, "_MAX_WAITING", 2)
    check = Passwords()
    kept = await check.hash("four unrelated words here")
    await check.is_right("x", kept)
    done = await asyncio.gather(*(check.is_right("x", kept) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(one, TooMany) for one in done) == 3
    assert not await check.is_right("x", kept)


def test_its_cost_is_what_is_recommended(monkeypatch):
    monkeypatch.undo()
    hasher = Passwords()._hasher
    assert (hasher.memory_cost, hasher.time_cost, hasher.parallelism) == (19_456, 2, 1)


@pytest.mark.parametrize(
    ("password", "why"),
    [
        pytest.param("elevenchars", "12 to 256", id="too short"),
        pytest.param("é" * 6 + "abcde", "12 to 256", id="counted in characters, not bytes"),
        pytest.param("abc" * 86, "12 to 256", id="too long"),
        pytest.param("abcabcabcabcabcabc", "easy", id="few different characters"),
        pytest.param("PASSWORD1234", "easy", id="known, in any case"),
        pytest.param("ada.lovelace@example.com", "easy", id="the address"),
        pytest.param("Ada.Lovelace", "easy", id="the name in the address"),
        pytest.param("four unrelated \ud800 words", "not text", id="half a character"),
    ],
)
def test_what_is_easily_guessed_may_not_be_chosen(password, why):
    with pytest.raises(InvalidInput, match=f"^new: .*{why}") as refused:
        check_new(password, email="ada.lovelace@example.com", field="new")
    assert password not in refused.value.detail


def test_long_phrases_may_be_chosen():
    check_new("four unrelated words here", email="ada@example.com")
    check_new("пароль из нескольких слов", email="ada@example.com")
