"""One's own account: name, password, where one is signed in, organisations."""

from gatewayops.web.you import page

SHOWN = (("/you", page.show),)
CHANGES = (
    ("/you/name", page.change_name),
    ("/you/password", page.change_password),
    ("/you/sessions/{session}/end", page.end_session),
)
