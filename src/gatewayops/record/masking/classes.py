"""The built-in classes by name: what is on unless an organisation says otherwise, and what must stay on."""

from gatewayops.record.masking import contacts, fields, numbers, private_keys, vendor_tokens
from gatewayops.record.masking.rule import Rule

BUILT_IN: tuple[Rule, ...] = (
    *private_keys.RULES,
    *fields.RULES,
    *vendor_tokens.RULES,
    *numbers.RULES,
    *contacts.RULES,
)
CLASSES = tuple(dict.fromkeys(rule.name for rule in BUILT_IN))
"""Each class once, in the order in which they are asked."""

CONTACTS = frozenset(("email", "phone"))
"""Off unless switched on, and switched without further ado: they identify people and open no door."""

ALWAYS_ON = frozenset(("gatewayops_key",))
"""Whoever may read traces must not find in them the keys that may do more."""


def is_on_by_default(name: str) -> bool:
    """Whether an organisation that said nothing has this class masked."""
    return name not in CONTACTS


def rules_of(*, switched_on: tuple[str, ...] = (), switched_off: tuple[str, ...] = ()) -> tuple[Rule, ...]:
    """The built-in rules of an organisation that differs so from the defaults."""
    off = frozenset(switched_off) - ALWAYS_ON
    on = frozenset(switched_on)
    return tuple(
        rule for rule in BUILT_IN if rule.name not in off and (rule.name in on or is_on_by_default(rule.name))
    )
