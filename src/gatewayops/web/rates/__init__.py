"""Prices and limits: their tables and forms, for one server and for all."""
