"""The rules, one a file; app lists them in the order in which they are asked."""
