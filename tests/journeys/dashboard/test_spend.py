"""What calls cost and what they may cost: costs, their export, and a budget that is raised."""

import csv
import re
from decimal import Decimal

import pytest
from playwright.sync_api import expect

PRICE = Decimal("0.010000")


@pytest.fixture(scope="module")
def priced(installation):
    """A cent a call of the demo server's `add`."""
    installation.json("price", "set", "--server", "demo", "--tool", "add", "--per-call", str(PRICE))


def audit_of(page, target):
    answer = page.request.get("/v1/logs/audit", params={"target": target})
    return [entry["action"] for entry in answer.json()["entries"]]


def test_costs_are_exported_to_the_micro_dollar(ada, call, eventually, priced, tmp_path):
    call("add", {"a": 1, "b": 2})

    def shown():
        table = ada.open("/costs?by=tool&period=7d").get_by_role("region", name="Cost by tool")
        row = table.get_by_role("row", name="demo/add")
        amount = row.is_visible() and re.search(r"\$\d+\.\d\d", row.inner_text())
        is_counted = amount and Decimal(amount.group()[1:]) >= PRICE  # calls of before it had a price may be
        return amount if is_counted else None

    on_the_page = eventually(shown).group()
    with ada.page.expect_download() as started:
        ada.page.get_by_role("link", name="Export CSV").click()
    started.value.save_as(tmp_path / "costs.csv")

    with (tmp_path / "costs.csv").open() as file:
        exported = [Decimal(row["cost"]) for row in csv.DictReader(file) if row["tool"] == "add"]
    assert sum(exported) >= PRICE
    assert f"${sum(exported):.2f}" == on_the_page


def test_a_budget_that_is_nearly_spent_is_found_and_raised(ada, call, eventually, priced):
    page = ada.open("/budgets")
    page.get_by_role("link", name="New budget").first.click()
    page.get_by_label("Amount, in dollars a period").fill("0.02")
    page.get_by_label("When it is spent").select_option("no")
    page.get_by_label(re.compile("^Name")).fill("agents")
    page.get_by_role("button", name="Make the budget").click()
    expect(page.get_by_role("heading", name="agents", level=1)).to_be_visible()
    call("add", {"a": 1, "b": 2})
    call("add", {"a": 3, "b": 4})

    def needs_attention():
        near = ada.open("/costs").get_by_role("region", name="Budgets that need attention")
        return near.get_by_role("link", name="agents").is_visible()

    eventually(needs_attention)
    page.get_by_role("region", name="Budgets that need attention").get_by_role("link", name="agents").click()
    expect(page.get_by_role("heading", name="agents", level=1)).to_be_visible()
    budget_id = page.url.rpartition("/")[2]
    page.get_by_label("Amount, in dollars a period").fill("50")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text("Budget agents saved: $50.00 a month.")).to_be_visible()
    expect(page.get_by_role("region", name="Where it stands")).to_contain_text("of $50.00")
    assert audit_of(page, budget_id)[0] == "budget.changed"

    page.get_by_label("Extra, in dollars").fill("5")
    page.get_by_label("Reason").fill("release day")
    page.get_by_role("button", name="Override").click()
    expect(page.get_by_role("region", name="Where it stands")).to_contain_text("of $55.00")

    page.get_by_text("Remove the budget").first.click()
    page.get_by_label("Type agents to confirm").fill("agent")
    page.get_by_role("button", name="Remove the budget").click()
    expect(page.get_by_role("alert")).to_contain_text("type agents to confirm")
    ada.complaints.clear()  # of that refusal
    page.get_by_label("Type agents to confirm").fill("agents")
    page.get_by_role("button", name="Remove the budget").click()
    expect(page.get_by_text("Budget agents removed.")).to_be_visible()
