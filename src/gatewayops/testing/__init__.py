"""Fakes and harnesses, for our tests and for users' tests. Nothing of the product imports it."""
