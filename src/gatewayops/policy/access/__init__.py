"""Roles, policies and who holds them: what the rules mean, as plain code and as a Casbin model.

`rulebook` gathers the rules that hold for a principal, `matching` says what a rule covers, `delegation`
that nobody hands out more than they hold, `explanation` why something is allowed or denied.
`casbin_model` says the same in Casbin's words; it is the truth that the others are tested against, and
it is never imported by the gateway.
"""
