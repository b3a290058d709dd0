"""May they? Each rule answers Allow or Deny(reason); the first Deny ends the call."""
