"""The rules that an organisation made: checked when saved, built when a gateway learns of them."""

import re

from gatewayops.base.errors import InvalidInput
from gatewayops.record.masking import json_path, own_patterns
from gatewayops.record.masking.classes import CLASSES
from gatewayops.record.masking.own_fields import field_rule
from gatewayops.record.masking.rule import Rule
from gatewayops.store.snapshot import MaskingRule

MOST_RULES = 100
_LONGEST = {"regex": 500, "field": 100, "json_path": 300}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_FIELD = re.compile(r"[^\x00-\x1f\x7f\"'`\\\[\]:=<>{},;&?]+")


class RuleRefused(InvalidInput):
    """A rule that cannot be; the detail names it and says why."""


def check(rules: tuple[MaskingRule, ...]) -> None:
    """Raises RuleRefused for the first rule that cannot be, and for too many or two of one name."""
    if len(rules) > MOST_RULES:
        msg = f"rules: at most {MOST_RULES}"
        raise RuleRefused(msg)
    seen: set[str] = set()
    for rule in rules:
        if not _NAME.fullmatch(rule.name):
            msg = "rules.name: 1 to 40 small letters, digits, _ and -, beginning with a letter or digit"
            raise RuleRefused(msg)
        if rule.name in CLASSES:
            msg = f"rules.{rule.name}: a built-in class has this name"
            raise RuleRefused(msg)
        if rule.name in seen:
            msg = f"rules.{rule.name}: given twice"
            raise RuleRefused(msg)
        seen.add(rule.name)
        built(rule)


def built(rule: MaskingRule) -> Rule:
    """The rule, ready to search. Raises RuleRefused."""
    if rule.kind not in _LONGEST:
        raise _refused(rule, f"a rule is one of {', '.join(_LONGEST)}")
    longest = _LONGEST[rule.kind]
    if not 0 < len(rule.pattern) <= longest:
        raise _refused(rule, f"1 to {longest} characters")
    if not _is_text(rule.pattern):
        raise _refused(rule, "not text")
    try:
        match rule.kind:
            case "regex":
                return own_patterns.pattern_rule(rule.name, rule.pattern)
            case "json_path":
                return json_path.path_rule(rule.name, rule.pattern)
            case _:
                return _field(rule)
    except (own_patterns.NoPattern, json_path.NoPath) as error:
        raise _refused(rule, str(error)) from error


def _is_text(pattern: str) -> bool:
    """Whether every database keeps it: no NUL, no half of a surrogate pair."""
    return "\0" not in pattern and not any("\ud800" <= char <= "\udfff" for char in pattern)


def _field(rule: MaskingRule) -> Rule:
    if not _FIELD.fullmatch(rule.pattern) or rule.pattern != rule.pattern.strip():
        raise _refused(rule, "a field's name holds no quotes, brackets, separators or blanks at its ends")
    return field_rule(rule.name, rule.pattern)


def _refused(rule: MaskingRule, why: str) -> RuleRefused:
    return RuleRefused(f"rules.{rule.name}: {why}")
