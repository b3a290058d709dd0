"""pyarrow without pandas, which it loads to tell whether a value is one of pandas' own: ours never are.

Where pandas is installed (chdb brings it along), the first batch of a process would import it: half a second
of a processor and 55 MB, and several seconds after a fresh installation, when all of it is compiled.
"""

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec

import pyarrow as pa

_PANDAS = "pandas"


class _Absent(MetaPathFinder):
    """As if pandas was not installed."""

    def find_spec(self, fullname: str, _path: object, _target: object = None) -> ModuleSpec | None:
        if fullname == _PANDAS:
            raise ModuleNotFoundError(fullname, name=fullname)
        return None


def leave_pandas_out() -> None:
    """pyarrow asks for it once, and that is now; whoever else imports it afterwards gets it."""
    absent = _Absent()
    sys.meta_path.insert(0, absent)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(absent)
