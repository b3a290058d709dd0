"""Secrets at rest: each organisation's credentials under its own data key, data keys under a master key.

`keyring.py` seals and opens; `master.py` says what a provider of the master key must do, and `local.py`,
`aws.py`, `vault.py` and `azure.py` do it: the only places that import a vendor's SDK, each an extra.
`opening.py` builds all of it from the settings. It lies in `store` because wrapped keys are what is kept;
it imports no database driver, for gateways use it too.
"""
