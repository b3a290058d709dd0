"""What the forms of budgets do; the API checks and audits all of it."""

from gatewayops.web.rest import Json, segment
from gatewayops.web.visit import Done, Form, Visit
from gatewayops.web.wording import money


async def create(visit: Visit, form: Form) -> Done:
    """Makes a budget."""
    body = {"scope": form["scope"], "subject": form["subject"]} | _fields(form)
    made = (await visit.rest.send("POST", "/v1/budgets", body, form_token=form["form_token"]))["budget"]
    return Done(
        f"/budgets/{made['id']}", f"Budget {made['name']} made: {money(made['limit'])} a {made['period']}."
    )


async def change(visit: Visit, form: Form) -> Done:
    """Saves all fields of a budget."""
    path = _path(visit)
    found = await visit.rest.send("PATCH", f"/v1{path}", _fields(form), form_token=form["form_token"])
    budget = found["budget"]
    return Done(path, f"Budget {budget['name']} saved: {money(budget['limit'])} a {budget['period']}.")


async def override(visit: Visit, form: Form) -> Done:
    """Adds money until a moment."""
    path = _path(visit)
    until = form["until"]
    extra = form.number("extra", "Extra")
    body = {
        "extra": extra,
        "reason": form["reason"],
        "until": f"{until}Z" if until and not until.endswith("Z") else until,
    }
    await visit.rest.send("POST", f"/v1{path}/overrides", body, form_token=form["form_token"])
    return Done(path, f"{money(extra)} more for a while.")


async def end_override(visit: Visit, form: Form) -> Done:
    """Takes it away again."""
    path = _path(visit)
    override_id = segment(visit.request.path_params["override_id"])
    await visit.rest.send("DELETE", f"/v1{path}/overrides/{override_id}", form_token=form["form_token"])
    return Done(path, "The override has ended.")


async def remove(visit: Visit, form: Form) -> Done:
    """Removes the budget whose name was typed."""
    path = _path(visit)
    budget = (await visit.rest.get(f"/v1{path}"))["budget"]
    form.check_named(budget["name"])
    await visit.rest.send("DELETE", f"/v1{path}", form_token=form["form_token"])
    return Done("/budgets", f"Budget {budget['name']} removed.")


def _path(visit: Visit) -> str:
    return f"/budgets/{segment(visit.request.path_params['id'])}"


def _fields(form: Form) -> Json:
    given = {
        "amount": form.number("amount", "Amount"),
        "period": form["period"],
        "hard": form["hard"] != "no",
        "name": form["name"],
        "grace_percent": form.whole("grace_percent", "Per cent over the amount") or 0,
        "grace_keys": form.several("grace_keys"),
    }
    return {name: value for name, value in given.items() if value not in (None, "")}
