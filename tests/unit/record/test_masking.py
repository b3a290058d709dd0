"""What people see where a secret was, what stays, and how bodies are cut."""

import json
import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayops.record.masking import Masker

LIMIT = 64 << 10
MASKER = Masker()
CONTACTS = Masker(contacts=True)
GITHUB = "ghp_" + "a1B2c3D4" * 4 + "e5F6"
HOSTILE = [
    b"token: x ", b"password={", b"password=[", b"token=[", b"token=", b"PWD=/", b"password=[masked",
    b'"password":"', b"authorization is a ", b"authorization: a ",
    b'"password":{"type":"x"},', b'"password":{', b'"token":"abc",', b'"token":{', b"4111 1111 1111 1112 ",
    b"4111111111111111,", b"-----BEGIN PRIVATE KEY-----", b'"-----BEGIN PRIVATE KEY-----",', b"\\", b'\\"',
    b"\\u0041", b"\\u005c", b"\\\\\\/", b"://a:b@", b"://a:", b"%3A%2F%2Fa", b"AKIAAAAAAAAAAAAAAAAA ",
    b"<password>", b"<password a ", b"<password><![CDATA[", b"&lt;password&gt;", b"a@b.cc ", b"--password --",
    b"password='", b"password='a'\\\"", b'"kty":"x","d":"', b"1 2 3 4 ", b"eyJaaaaaaaaaaaaa.",
    b"password is a1 ",    b'"""', b"token='", b"token=\\\"",
]  # fmt: skip


def masked(value: object) -> object:
    text, is_cut = MASKER.body(json.dumps(value).encode(), LIMIT)
    assert not is_cut
    return json.loads(text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({"t": f"use {GITHUB} now"}, {"t": "use [masked:github_token] now"}, id="token"),
        pytest.param({"t": "4111 1111 1111 1111"}, {"t": "[card:****1111]"}, id="card keeps its end"),
        pytest.param({"n": 4111111111111111}, {"n": "[card:****1111]"}, id="a number becomes a string"),
        pytest.param({"n": [-4111111111111111.0, 1]}, {"n": ["[card:****1111]", 1]}, id="with its fraction"),
        pytest.param(
            {"t": '{"card": 4111111111111111}'},
            {"t": '{"card": "[card:****1111]"}'},
            id="number in JSON in JSON",
        ),
        pytest.param(
            {"t": "4111111111111111 12/30 123"}, {"t": "[card:****1111] 12/30 123"}, id="card and date"
        ),
        pytest.param(
            {"t": "2026 4111111111111111 123"}, {"t": "2026 [card:****1111] 123"}, id="card in a row"
        ),
        pytest.param({"t": "ssn 123-45-6789."}, {"t": "ssn [masked:ssn]."}, id="ssn"),
        pytest.param(
            {"t": "gwo_prod_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6"}, {"t": "gwo_prod_a1b2[masked]"}, id="our key"
        ),
        pytest.param({"password": "x"}, {"password": "[masked:field]"}, id="field"),
        pytest.param({"password": 1234}, {"password": "[masked:field]"}, id="number by field"),
        pytest.param({"secret": {"a": ["}", 1]}, "b": 2}, {"secret": "[masked:field]", "b": 2}, id="object"),
        pytest.param({"apiKeys": ["]", "b"], "n": 1}, {"apiKeys": "[masked:field]", "n": 1}, id="array"),
        pytest.param(
            {"h": "Authorization: Digest a b c\r\nHost: x"},
            {"h": "Authorization: [masked:field]\r\nHost: x"},
            id="header to its end",
        ),
        pytest.param({"u": "redis://:pw@h:6379/0"}, {"u": "redis://:[masked:password]@h:6379/0"}, id="url"),
        pytest.param(
            {"t": "the password is hunter22 ok"}, {"t": "the password is [masked:field] ok"}, id="prose"
        ),
        pytest.param(
            {"t": 'Authorization: Digest username="bob", response="6629fae4"\nHost: x'},
            {"t": "Authorization: [masked:field]\nHost: x"},
            id="a header with quotes",
        ),
        pytest.param(
            {"password": {"type": "string", "default": "hunter2"}},
            {"password": "[masked:field]"},
            id="a default",
        ),
        pytest.param(
            {"t": "curl -H 'X-Api-Key: abc' u"}, {"t": "curl -H 'X-Api-Key: [masked:field] u"}, id="curl"
        ),
        pytest.param(
            {"t": 'p = """a"""; passwd = """b c"""'}, {"t": 'p = """a"""; passwd = "[masked:field]"'}, id="3"
        ),
    ],
)
def test_a_marker_stands_where_the_secret_was(before: object, after: object) -> None:
    assert masked(before) == after


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"password": None, "secret": True, "token": "word", "api_key": ""}, id="no values"),
        pytest.param(
            {"_meta": {"progressToken": 7}, "nextPageToken": "CAUQAA123456789012345"}, id="protocol tokens"
        ),
        pytest.param({"properties": {"password": {"type": "string", "title": "Password"}}}, id="JSON schema"),
        pytest.param(
            {"properties": {"password": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}}},
            id="optional in a JSON schema",
        ),
        pytest.param({"t": "the authorization is done on port 8080 of node 17"}, id="prose"),
        pytest.param({"required": ["username", "password", "email"]}, id="list of names"),
        pytest.param({"n": "4111 1111 1111 1112"}, id="not a card"),
        pytest.param({"t": "9780306406157 1718000000000 0.4111111111111111"}, id="other numbers"),
        pytest.param({"t": "000-12-3456 123-45-67890 1-123-45-6789"}, id="no ssn"),
        pytest.param({"t": "PWD=/home/bob OLDPWD=/tmp"}, id="working directory"),
        pytest.param({"t": "class sk-cube-grid-animation-delay, task-12345678901234567890"}, id="slugs"),
        pytest.param({"t": "me@example.com, +1 415 555 2671"}, id="contacts when off"),
    ],
)
def test_what_is_no_secret_stays(value: dict[str, object]) -> None:
    assert masked(value) == value


def test_a_body_without_secrets_is_kept_byte_for_byte() -> None:
    raw = '{"n": 1.50, "t": "caf\\u00e9 \\u0041 a\\/b", "t": "twice"}'
    assert MASKER.body(raw.encode(), LIMIT) == (raw, False)


def test_a_private_key_split_into_lines_is_masked_line_by_line() -> None:
    lines = ["x", "-----BEGIN RSA PRIVATE KEY-----", "A" * 64, "Qw==", "-----END RSA PRIVATE KEY-----", "y"]
    assert masked({"lines": lines}) == {"lines": ["x", *["[masked:private_key]"] * 4, "y"]}


def test_a_private_key_without_its_end_is_masked_to_the_end_of_its_text() -> None:
    assert masked({"a": "k -----BEGIN PRIVATE KEY-----\nMIIE", "b": "stays"}) == {
        "a": "k [masked:private_key]",
        "b": "stays",
    }
    assert MASKER.text("-----BEGIN PRIVATE KEY-----\nMIIE and more") == "[masked:private_key]"


def test_the_private_members_of_a_json_web_key_are_masked() -> None:
    assert masked({"kty": "RSA", "n": "m" * 40, "d": "s" * 40}) == {
        "kty": "RSA",
        "n": "m" * 40,
        "d": "[masked:private_key]",
    }


def test_contacts_are_masked_where_asked_for() -> None:
    text = CONTACTS.text("Bob <bob.o'neil@example.co.uk>, +49 151 1234567 or (415) 555-2671, id 12345678")
    assert text == "Bob <[masked:email]>, [masked:phone] or [masked:phone], id 12345678"
    assert CONTACTS.body(b'{"t": "\\nann@example.com", "phone": 4155552671}', LIMIT) == (
        '{"t": "\\n[masked:email]", "phone": "[masked:phone]"}',
        False,
    )


def test_the_marker_of_a_secret_at_the_cut_is_whole() -> None:
    text, is_cut = MASKER.body(f"{'.' * 80} {GITHUB} after".encode(), 100)
    assert is_cut
    assert text.endswith("..[masked:github_token]")
    assert len(text) == 100


def test_a_cut_goes_through_no_character() -> None:
    assert MASKER.body("aä漢".encode(), 5) == ("aä", True)
    assert MASKER.body(b"a\xff\xffb", 100) == ("a��b", False)
    assert len(MASKER.body(b"\xff" * 200, 100)[0].encode()) <= 100
    assert MASKER.body(b"abc", 0) == ("", True)
    assert MASKER.body(b"", 0) == ("", False)


def test_an_answer_that_the_prefilter_could_not_give_makes_every_rule_look() -> None:
    masker = Masker()
    masker._match = lambda _: []
    assert masker.text(f"use {GITHUB}") == "use [masked:github_token]"


def test_short_texts_are_remembered_only_when_clean_and_not_without_end() -> None:
    masker = Masker()
    for at in range(10_000):
        masker.text(f"tool_{at}")
    assert masker.text(GITHUB) == masker.text(GITHUB) == "[masked:github_token]"
    assert len(masker._clean) <= 4096
    assert GITHUB not in masker._clean


def test_masking_twice_changes_nothing_more() -> None:
    raw = json.dumps(
        {"password": "hunter2", "t": f"{GITHUB} Authorization: Bearer abcdef123456", "c": "4111111111111111"}
    )
    once, _ = MASKER.body(raw.encode(), LIMIT)
    assert MASKER.body(once.encode(), LIMIT) == (once, False)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(
    around=_JSON,
    name=st.sampled_from(["password", "api_key", "clientSecret"]),
    seed=st.integers(0, 10**9),
    ascii=st.booleans(),
)
def test_no_eight_characters_of_a_secret_survive_any_json(
    around: object, name: str, seed: int, ascii: bool
) -> None:
    rng = random.Random(seed)
    secret = "".join(rng.choice(string.ascii_letters + string.digits) for _ in range(36))
    value = {
        "a": around,
        "t": f"ghp_{secret}",
        name: [secret, around],
        "j": json.dumps({name: secret, "x": around}),
    }
    raw = json.dumps(value, ensure_ascii=ascii).encode("utf-8", "replace")
    text, is_cut = MASKER.body(raw, LIMIT)
    assert not is_cut
    assert json.loads(text).keys() == json.loads(raw).keys()
    assert not any(secret[at : at + 8] in text for at in range(29))


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="password\"':=\\{}[],u0022 -\n<>&;ghp_A1@/", max_size=300), st.integers(0, 200))
def test_any_text_is_masked_within_the_limit(text: str, limit: int) -> None:
    masked_text, is_cut = MASKER.body(text.encode(), limit)
    assert len(masked_text.encode()) <= limit
    assert is_cut or len(text.encode()) <= limit


@pytest.mark.parametrize("before", [b"", b'{"a": "', b'{"a": ['])
@pytest.mark.parametrize("piece", HOSTILE)
def test_a_hostile_payload_takes_no_more_than_linear_work(before: bytes, piece: bytes) -> None:
    raw = before + piece * (LIMIT // len(piece))  # quadratic work would run into the test's time limit
    text, _ = CONTACTS.body(raw, LIMIT)
    assert len(text.encode()) <= LIMIT
