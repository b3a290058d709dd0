"""Sending spans to other systems over OTLP/HTTP."""
