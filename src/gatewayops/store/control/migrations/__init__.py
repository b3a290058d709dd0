"""The schema's history, `versions/NNNN_what.py`; the newest number is the head. `migrate` runs it."""
