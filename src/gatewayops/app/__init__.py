"""Builds everything: the roles from the settings, explicitly, and the supervisor that runs them."""
