"""Asking identity providers: discovery, keys, codes for tokens, and who somebody is.

Every request goes through guarded_fetch. Tokens of providers live in local variables, while an answer is
made: they are neither kept nor logged nor part of any error.
"""
