"""No secret survives masking, wherever it hides; innocent text does."""

import json

import pytest

from gatewayops.record.masking import Masker
from gatewayops.testing.innocent_texts import innocent
from gatewayops.testing.secret_samples import (
    FIELD_PLACES,
    KINDS,
    PLACES,
    field_samples,
    samples,
)

LIMIT = 64 << 10
MASKER = Masker()


def survives(secret: str, text: str, *, run: int = 8) -> bool:
    """Whether any `run` characters of the secret are in the text, however it is escaped."""
    plain = text.replace("\\", "")
    pieces = [secret[at : at + run] for at in range(max(1, len(secret) - run + 1))]
    return any(piece in text or piece in plain for piece in pieces)


def is_json(text: str) -> bool:
    """Whether this is a JSON object, as every body is. (A bare number is text like any other.)"""
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_of_any_kind_is_masked(place: str) -> None:
    leaks = []
    for sample in samples(seed=len(place), per_kind=20):
        raw = PLACES[place](sample.text)
        masked, is_cut = MASKER.body(raw.encode(), LIMIT)
        assert not is_cut
        if survives(sample.secret, masked) or is_json(raw) != is_json(masked):
            leaks.append((sample.kind, raw[:300], masked[:300]))
    assert leaks == []


@pytest.mark.parametrize("place", FIELD_PLACES)
def test_a_password_is_masked_by_the_name_of_its_field(place: str) -> None:
    leaks = []
    for name, secret in field_samples(seed=len(place), count=150):
        raw = FIELD_PLACES[place](name, secret)
        masked, _ = MASKER.body(raw.encode(), LIMIT)
        if survives(secret, masked, run=6) or is_json(raw) != is_json(masked):
            leaks.append((name, raw, masked))
    assert leaks == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_at_the_cut_is_masked_whole_or_dropped(kind: str) -> None:
    sample = next(found for found in samples(seed=5, per_kind=1) if found.kind == kind)
    raw = json.dumps({"text": f"{'.' * 60} {sample.text} {'.' * 9000}"}).encode()
    for limit in range(60, 140):
        masked, is_cut = MASKER.body(raw, limit)
        assert is_cut
        assert len(masked.encode()) <= limit
        assert not survives(sample.secret, masked, run=6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_that_the_window_ends_in_is_dropped(kind: str) -> None:
    sample = next(found for found in samples(seed=6, per_kind=1) if found.kind == kind)
    escaped = "".join(f"\\u{ord(c):04x}" for c in f"{'.' * 1800}{sample.text}{'.' * 1800}")
    for limit in range(2400, 2900, 7):
        masked, _ = MASKER.body(f'{{"text": "{escaped}"}}'.encode(), limit)
        assert not survives(sample.secret, masked, run=6)


def test_innocent_text_is_left_alone() -> None:
    texts = list(innocent(seed=1, count=3600))
    changed = [text for text in texts if MASKER.body(text.encode(), LIMIT)[0] != text]
    assert len(changed) <= len(texts) * 0.01, changed[:5]
