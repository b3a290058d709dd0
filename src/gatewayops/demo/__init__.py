"""Demo data: a month of an invented company's calls, for looking at GatewayOps with something in it.

`company.py` says who works there and with what (from two TOML files), `hours.py` when, `incidents.py` what
went wrong, `runs.py` which tools are called one after the other, `traffic.py` makes the records; `objects.py`
and `story.py` make what stands in the control store, `seeding.py` does it all, `removal.py` undoes it.
Nothing here sends anything anywhere, and no key that it makes can be used.
"""
