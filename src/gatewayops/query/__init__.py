"""The questions people ask of the telemetry store, as functions that return plain rows."""
