"""What we keep: the control store (accounts, keys, servers, prices) and the telemetry store (spans).

All SQL lives here. `snapshot` is the shape in which the gateway gets the rules; it imports no driver.
"""
