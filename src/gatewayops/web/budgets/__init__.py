"""Budgets: what may be spent by whom, where it stands and how it will end, and the proof of the ledger."""

from gatewayops.web.budgets import changes, detail, editor, listing, proof

SHOWN = (
    ("/budgets/new", editor.show),
    ("/budgets/proof", proof.show),
    ("/budgets/{id}", detail.show),
    ("/budgets", listing.show),
)
CHANGES = (
    ("/budgets/new", changes.create),
    ("/budgets/{id}/overrides", changes.override),
    ("/budgets/{id}/overrides/{override_id}/end", changes.end_override),
    ("/budgets/{id}/remove", changes.remove),
    ("/budgets/{id}", changes.change),
)
