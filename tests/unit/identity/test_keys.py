"""The secrets of API keys."""

import re

import pytest

from gatewayops.base.errors import InvalidInput
from gatewayops.identity.keys import hash_of, matches, new_secret, prefix_of

SECRET = "gwo_prod_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6"


def test_a_secret_names_its_environment_and_is_random() -> None:
    first, second = new_secret("prod"), new_secret("prod")
    assert re.fullmatch(r"gwo_prod_[0-9A-Za-z]{32}", first)
    assert first != second


def test_the_prefix_shows_four_random_characters() -> None:
    assert prefix_of(SECRET) == "gwo_prod_a1b2"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gwo_prod_",
        SECRET[:-1],
        SECRET + "x",
        SECRET + "\n",
        SECRET.upper(),
        "x" + SECRET,
        "gwo_a_b_" + "x" * 32,
    ],
)
def test_what_is_not_a_secret_has_no_prefix(text: str) -> None:
    assert prefix_of(text) is None


@pytest.mark.parametrize("env", ["", "Prod", "pro_d", "x" * 13, "prod\n"])
def test_an_environment_is_short_and_lower_case(env: str) -> None:
    with pytest.raises(InvalidInput, match="env"):
        new_secret(env)


def test_only_the_secret_itself_matches_its_hash() -> None:
    hashed = hash_of(SECRET)
    assert hashed.startswith("$2b$10$")
    assert matches(SECRET, hashed)
    assert not matches(SECRET[:-1] + "7", hashed)
    assert not matches(SECRET, "not a hash")
