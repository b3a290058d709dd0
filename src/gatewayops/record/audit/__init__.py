"""What makes the audit log provable: Merkle tree, signed checkpoints, exports, and their verification.

The entries themselves are written by `store.control.audit_chain`; `store.audit_entry` has their format.
"""
