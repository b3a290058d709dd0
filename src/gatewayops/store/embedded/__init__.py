"""The `store` role: ClickHouse in a library (chDB), answering ClickHouse's HTTP interface on loopback.

It is a process of its own because chDB locks its folder to one process, hangs after a fork and may
crash at exit. Everyone else speaks HTTP and cannot tell it from a ClickHouse server.
"""
