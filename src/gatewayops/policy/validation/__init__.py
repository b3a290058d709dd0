"""What a call's arguments must look like, and how calls are changed on their way.

`checks` answers whether arguments may pass: size, depth, the tool's own schema, deny patterns. `transforms`
changes arguments, results and headers after a call is allowed; what was authorised it cannot change.
"""
