"""Errors, clock, ids and crypto, which every package may use; nothing else without discussion."""
