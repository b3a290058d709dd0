"""Masking: secrets leave a payload before anything is written.

`masker.py` is the engine: one pass of an RE2 set over the bytes says which rules may have something
to mask, and only those look closer. `vendor_tokens.py`, `numbers.py`, `private_keys.py`, `fields.py`
and `contacts.py` hold the built-in rules, `classes.py` their names; `source.py` answers questions about
the payload's JSON. What organisations add is in `own_*.py` and `json_path.py`; `own_masker.py` says whose
masker is whose. Patterns that run over a payload are RE2, or match one escape or sign: nothing can backtrack.
"""

from gatewayops.record.masking.masker import Masker
from gatewayops.record.masking.own_masker import Maskers, masker_of

__all__ = ["Masker", "Maskers", "masker_of"]
