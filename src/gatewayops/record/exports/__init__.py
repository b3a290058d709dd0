"""What leaves for other systems: calls as OpenTelemetry spans, and the queue they wait in on disk."""
