"""What happened: the record of each call, masked, appended to the spool, moved into the telemetry store."""
