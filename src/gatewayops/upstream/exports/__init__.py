"""Sending spans to other systems over OTLP: HTTP with protobuf or JSON, and gRPC."""
