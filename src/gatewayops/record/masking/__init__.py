"""Masking: secrets leave a payload before anything is written.

`masker.py` is the engine: one pass of an RE2 set over the bytes says which rules may have something
to mask, and only those look closer. `vendor_tokens.py`, `numbers.py`, `private_keys.py`, `fields.py`
and `contacts.py` hold the rules; `source.py` answers questions about the payload's JSON.
Only RE2 ever runs over a payload: a hostile one cannot make a pattern backtrack.
"""

from gatewayops.record.masking.masker import Masker

__all__ = ["Masker"]
