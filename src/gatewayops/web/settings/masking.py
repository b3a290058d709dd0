"""What is taken out of records, tried on a sample while one types."""

from starlette.responses import Response

from gatewayops.web.drawing import draw, draw_part
from gatewayops.web.rest import Json, segment
from gatewayops.web.settings.tabs import tabs
from gatewayops.web.visit import Done, Form, Visit

SAMPLE = """{"note": "Employee EMP-4711, card 4111 1111 1111 1111",
 "customer": {"email": "ada@example.com", "iban": "DE89370400440532013000"}}"""


async def show(visit: Visit) -> Response:
    """Rules, classes, and a sample to begin with."""
    masked = await visit.rest.get("/v1/masking")
    return draw(visit, "settings/masking.html", tabs=tabs(visit), masking=masked["masking"], sample=SAMPLE)


async def preview(visit: Visit, form: Form) -> Response:
    """The sample with the stored rules and the one that is being written."""
    body: Json = {"sample": next((value for name, value in form.pairs if name == "sample"), "")}
    if form["pattern"]:
        stored = (await visit.rest.get("/v1/masking"))["masking"]["rules"]
        draft = {"name": form["name"] or "draft", "kind": form["kind"], "pattern": form["pattern"]}
        body["rules"] = [rule for rule in stored if rule["name"] != draft["name"]] + [draft]
    tried = await visit.rest.send("POST", "/v1/masking/preview", body, form_token=form["form_token"])
    return draw_part(visit, "settings/masked.html", tried=tried)


async def put_rule(visit: Visit, form: Form) -> Done:
    """Counts for records from then on."""
    body = {"kind": form["kind"], "pattern": form["pattern"]}
    where = f"/v1/masking/rules/{segment(form['name'])}"
    await visit.rest.send("PUT", where, body, form_token=form["form_token"])
    return Done("/settings/masking", f"The rule {form['name']} masks from now on.")


async def remove_rule(visit: Visit, form: Form) -> Done:
    """What was recorded stays masked."""
    where = f"/v1/masking/rules/{segment(form['name'])}"
    await visit.rest.send("DELETE", where, form_token=form["form_token"])
    return Done("/settings/masking", f"The rule {form['name']} is removed.")


async def switch(visit: Visit, form: Form) -> Done:
    """A class of secrets goes off only when its name was typed."""
    is_on, name = form["is_on"] == "on", form["class"]
    if not is_on and form["is_secret"]:
        form.check_named(name)
    body = {"is_on": is_on, "acknowledge_secrets_in_records": not is_on}
    where = f"/v1/masking/classes/{segment(name)}"
    await visit.rest.send("PUT", where, body, form_token=form["form_token"])
    return Done("/settings/masking", f"{name} is {'masked' if is_on else 'kept'} in records from now on.")
