"""The machines' door: takes MCP calls off the wire, carries them, answers. pipeline.py is the path."""
