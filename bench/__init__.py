"""make bench: what a call through the gateway costs, beside nginx and the bare upstream."""
