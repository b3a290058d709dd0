"""Budgets: accounts in the gateway's memory, the bookkeeper in control, leases for several workers.

`accounts` and what it uses never touch a database: they belong to the gateway. `bookkeeper` and `standing`
belong to control.
"""
