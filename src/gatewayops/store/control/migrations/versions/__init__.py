"""One file a step, numbered without gaps. Steps that were released never change."""
