"""Roles and policies: who may do what, by which rule, and why."""

from gatewayops.web.roles import explain, listing, policies, role

SHOWN = (
    ("/roles", listing.show),
    ("/roles/new", role.new),
    ("/roles/policies", policies.show),
    ("/roles/policies/{policy}", policies.show_one),
    ("/roles/explain", explain.show),
    ("/roles/{role}", role.show),
)
CHANGES = (
    ("/roles/new", role.make),
    ("/roles/policies", policies.add),
    ("/roles/policies/{policy}", policies.change),
    ("/roles/policies/{policy}/remove", policies.remove),
    ("/roles/{role}", role.change),
    ("/roles/{role}/remove", role.remove),
    ("/roles/{role}/bindings", role.bind),
    ("/roles/{role}/bindings/{binding}/remove", role.unbind),
)
