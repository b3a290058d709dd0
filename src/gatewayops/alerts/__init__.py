"""What wakes people: rules over figures, incidents, and the channels that are told of them.

`detectors` and `standing` decide, from figures and times alone; `evaluation` asks for the figures and writes
what follows; `outbox` sends. The control role runs them (app/alert_jobs.py). Nothing here is on the path of
a call.
"""
