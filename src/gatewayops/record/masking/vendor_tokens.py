"""Tokens that say what they are: a vendor's prefix, a JWT's shape, `Bearer` in front, a URL around."""

import binascii
from base64 import b64decode
from collections.abc import Iterator

from gatewayops.record.masking.rule import Rule, marker, pattern_rule, token_rule
from gatewayops.record.masking.source import Edit, Match, Source, behind_escape, compiled, opens_word

_WORD = "[A-Za-z0-9]"
_URL64 = "[A-Za-z0-9_-]"
_SLASH = "(?:/|%2[Ff])"
_OUR_PREFIX_LETTERS = 4


def _begins_a_word(raw: bytes, match: Match) -> bool:
    return opens_word(raw, match.start())


def _is_random(raw: bytes, match: Match) -> bool:
    """`sk-` also begins class names and slugs: a key begins a word and has a digit."""
    return opens_word(raw, match.start()) and any(0x30 <= code <= 0x39 for code in match.group())


def _is_credential(_: bytes, match: Match) -> bool:
    """Whether what follows `Bearer` or `Basic` is a credential and not a word of prose."""
    text = match.group().replace(b"%20", b" ").replace(b"+", b" ", 1)
    scheme, _, value = text.partition(b" ")
    value = value.strip()
    if scheme.lower() != b"basic":
        return len(value) >= 20 or any(0x30 <= code <= 0x39 for code in value)
    try:
        return b":" in b64decode(value + b"=" * (-len(value) % 4), validate=False)
    except binascii.Error:
        return False


def _scheme_credentials() -> Rule:
    pattern = compiled(r"(?i)(?:bearer|basic)(?:\s|%20|\+)+[A-Za-z0-9._~+/=-]{6,}")
    scheme = compiled(r"[A-Za-z]+(?:\s|%20|\+)+")
    mark = marker("credentials")

    def find(source: Source) -> Iterator[Edit]:
        raw = source.raw
        for match in pattern.finditer(raw):
            if _is_credential(raw, match):
                head = scheme.match(raw, match.start())
                yield (head.end() if head else match.start()), match.end(), mark

    return Rule("credentials", r"(?i)(?:bearer|basic)(?:\s|%20|\+)+[A-Za-z0-9._~+/=-]{4}", find)


def _our_keys() -> Rule:
    pattern = compiled(r"gwo_[a-z0-9]{1,12}_[A-Za-z0-9]{16,}")

    def find(source: Source) -> Iterator[Edit]:
        for match in pattern.finditer(source.raw):
            kept = match.start() + match.group().index(b"_", 4) + 1 + _OUR_PREFIX_LETTERS
            yield kept, match.end(), b"[masked]"

    return Rule("gatewayops_key", r"gwo_[a-z0-9]{1,12}_[A-Za-z0-9]{4}", find)


def _aws_keys() -> Rule:
    """An access key id, and near it whatever has the shape of its secret."""
    key_id = compiled(r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16,}")
    secret = compiled(r"(?:[A-Za-z0-9/+]|%2[BFbf]){40,}")
    near = 300
    longest = 120  # 40 characters, all of them percent-encoded

    def find(source: Source) -> Iterator[Edit]:
        raw = source.raw
        done = 0
        for match in key_id.finditer(raw):
            yield match.start(), match.end(), marker("aws_key")
            at = max(done, match.start() - near)
            until = match.end() + near
            for near_by in secret.finditer(raw[at : until + longest]):
                begin, done = at + near_by.start(), at + near_by.end()
                if begin >= until:
                    done = begin
                    break
                first = behind_escape(raw, begin)
                text = raw[first:done]
                if len(text) - 2 * text.count(b"%") == 40 and not text.isdigit():
                    yield first, done, marker("aws_key")

    return Rule("aws_key", r"A(?:KI|SI|BI|CC)A[A-Z0-9]{4}", find)


def _url_passwords() -> Rule:
    """`scheme://user:password@host`, also percent-encoded as a whole."""
    plain = compiled(r"://[^\s:/@\"'\\<>]*:[^\s\"'\\<>/]+@")
    encoded = compiled(r"(?i)%3A(?:%2F%2F|//)[A-Z0-9._~-]*%3A(?:[A-Z0-9._~!*-]|%[0-9A-F]{2})+?%40")
    mark = marker("password")

    def find(source: Source) -> Iterator[Edit]:
        for match in plain.finditer(source.raw):
            yield match.start() + match.group().index(b":", 3) + 1, match.end() - 1, mark
        for match in encoded.finditer(source.raw):
            text = match.group().upper()
            yield match.start() + text.index(b"%3A", 3) + 3, match.end() - 3, mark

    return Rule("url_password", r"://[^\s:/@\"'\\<>]*:[^\s\"'\\<>/]+@|%3[Aa](?:%2[Ff]%2[Ff]|//)", find)


_JWT = (
    rf"eyJ{_URL64}{{8,}}\."
    rf"(?:eyJ{_URL64}{{4,}}(?:\.{_URL64}*)?|{_URL64}*\.{_URL64}{{8,}}(?:\.{_URL64}*){{0,2}})"
)

RULES: tuple[Rule, ...] = (
    _our_keys(),
    _aws_keys(),
    _scheme_credentials(),
    _url_passwords(),
    pattern_rule("jwt", rf"eyJ{_URL64}{{4,}}\.", _JWT),
    token_rule("github_token", "gh[opsur]_", _WORD, least=16),
    token_rule("github_token", "github_pat_", "[A-Za-z0-9_]", least=20),
    token_rule("gitlab_token", "gl(?:pat|ptt|rt|dt|ft|soat|cbt|agent|imt)-", _URL64, least=16),
    token_rule("slack_token", r"xox[abcdeoprs](?:\.xox[bp])?-", "[A-Za-z0-9-]", least=8),
    token_rule("slack_token", "xapp-[0-9]-", "[A-Za-z0-9-]", least=8),
    token_rule(
        "slack_webhook",
        rf"hooks\.slack\.com{_SLASH}(?:services|workflows|triggers){_SLASH}",
        "[A-Za-z0-9_+/%-]",
        least=16,
    ),
    token_rule(
        "discord_webhook",
        rf"discord(?:app)?\.com{_SLASH}api{_SLASH}webhooks{_SLASH}[0-9]+{_SLASH}",
        _URL64,
        least=20,
    ),
    token_rule("stripe_key", "(?:sk|rk)_(?:live|test)_", _WORD, least=10),
    token_rule("stripe_key", "whsec_", "[A-Za-z0-9+/=]", least=16),
    token_rule("google_key", "AIza", _URL64, least=30),
    token_rule("google_token", r"ya29\.", _URL64, least=16),
    token_rule("google_token", "1//0", _URL64, least=30),
    token_rule("google_secret", "GOCSPX-", _URL64, least=16),
    token_rule("anthropic_key", "sk-ant-", _URL64, least=16),
    token_rule("openai_key", "sk-", _URL64, least=20, check=_is_random),
    token_rule("groq_key", "gsk_", _WORD, least=30),
    token_rule("xai_key", "xai-", _WORD, least=40),
    token_rule("huggingface_token", "hf_", _WORD, least=30, check=_begins_a_word),
    token_rule("replicate_token", "r8_", _WORD, least=30, check=_begins_a_word),
    token_rule("npm_token", "npm_", _WORD, least=30),
    token_rule("pypi_token", "pypi-AgE", _URL64, least=30),
    token_rule("docker_token", "dckr_(?:pat|oat)_", _URL64, least=20),
    token_rule("sendgrid_key", r"SG\.[A-Za-z0-9_-]{16,32}\.", _URL64, least=30),
    token_rule("shopify_token", "shp(?:at|ca|pa|ss)_", "[A-Fa-f0-9]", least=30),
    token_rule("digitalocean_token", "do[opr]_v1_", "[a-f0-9]", least=40),
    token_rule("atlassian_token", "ATATT3", "[A-Za-z0-9_=-]", least=30),
    token_rule("linear_key", "lin_(?:api|oauth)_", _WORD, least=30),
    token_rule("notion_token", "ntn_", _WORD, least=30),
    token_rule("grafana_token", "gl(?:sa|c)_", "[A-Za-z0-9_+/=]", least=30),
    token_rule("databricks_token", "dapi", "[a-f0-9]", least=32, check=_begins_a_word),
    token_rule("postman_key", "PMAK-", "[a-f0-9-]", least=30),
    token_rule("gatewayops_session", "gw[sl]_", _WORD, least=40),
    token_rule("vault_token", r"hv[sbr]\.", _URL64, least=20),
    token_rule("age_key", "AGE-SECRET-KEY-1", "[A-Z0-9]", least=30),
    token_rule("telegram_token", "[0-9]{8,10}:AA", _URL64, least=30),
    token_rule(
        "url_signature",
        "[?&](?:sig|X-(?:Amz|Goog)-(?:Signature|Security-Token))=",
        "[A-Za-z0-9%+/=_-]",
        least=16,
    ),
)
