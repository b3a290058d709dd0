"""The rules of the OAuth server for end users: pure functions that the doors ask, no I/O."""
