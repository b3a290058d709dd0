"""The questions people ask of the record (traces, costs, usage), as functions that return plain rows.

Times are Unix nanoseconds or aware datetimes, money whole micro-dollars; the doors turn them into
what they show. Every question names one organisation.
"""
