"""People: members of the organisation, their teams and projects, invitations, and who is shut out."""

from gatewayops.web.people import members, person, projects, teams

SHOWN = (
    ("/people", members.show),
    ("/people/teams", teams.show),
    ("/people/projects", projects.show),
    ("/people/{user}", person.show),
)
CHANGES = (
    ("/people/invite", members.invite),
    ("/people/invitations/{invitation}/withdraw", members.withdraw),
    ("/people/teams", teams.add),
    ("/people/teams/{team}", teams.change),
    ("/people/projects", projects.add),
    ("/people/{user}", person.change),
    ("/people/{user}/roles", person.give_role),
    ("/people/{user}/roles/take", person.take_role),
    ("/people/{user}/sign-out", person.sign_out),
    ("/people/{user}/disable", person.disable),
    ("/people/{user}/enable", person.enable),
    ("/people/{user}/reset-factors", person.reset_factors),
    ("/people/{user}/break-glass", person.break_glass),
)
