"""The control role's door: REST for people and programs, and the gateway's feed of snapshots."""
