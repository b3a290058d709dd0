"""Pinned tools: no tool changes silently. What a definition is, how two differ, what passes a gateway.

`definition` and `diff` are pure; `pins` is what the gateway asks on each call and each list of tools;
`sightings` carries what it noticed to the control role, which alone decides and keeps.
"""
