"""The dashboard: pages for people, drawn on the server from what the REST API answers to the same person.

A package an area, a module a page, its template beside it. Pages hold no SQL and no rule about who may do
what: each asks `rest.Rest`, so whoever may not read something by the API does not see it here, and every
change is checked and audited there. `app` puts the pages beside the API.
"""
