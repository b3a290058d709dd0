"""The telemetry store: ClickHouse, embedded (chDB in the `store` role) or a cluster, the same SQL."""
