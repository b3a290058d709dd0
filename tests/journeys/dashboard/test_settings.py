"""Settings and exports in the dashboard, as who keeps an installation uses them."""

import re

from playwright.sync_api import expect

from gatewayops.testing.peer_process import free_port

NAME = re.compile("^Name")  # and its hint


def test_a_masking_rule_is_tried_while_it_is_typed_and_then_kept(ada):
    page = ada.open("/settings/masking")
    shown = page.get_by_label("As records show it")
    expect(shown).to_contain_text("[card:****1111]")
    expect(shown).to_contain_text("EMP-4711")

    page.get_by_role("textbox", name=re.compile("^Pattern")).press_sequentially(r"\bEMP-\d{4,6}\b")
    expect(shown).to_contain_text("Employee [masked:draft]")
    page.get_by_role("textbox", name=NAME).fill("employee")
    expect(shown).to_contain_text("Employee [masked:employee]")
    page.get_by_label("A sample").fill("EMP-1234 and EMP-99")
    expect(shown).to_have_text("[masked:employee] and EMP-99")
    page.get_by_role("button", name="Keep the rule").click()

    expect(page.get_by_role("status").filter(has_text="The rule employee masks from now on.")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="employee")
    expect(row).to_contain_text(r"\bEMP-\d{4,6}\b")
    row.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No rules of your own")).to_be_visible()


def test_an_export_is_tested_paused_and_removed_by_its_name(ada):
    page = ada.open("/exports")
    page.get_by_role("link", name="Add a destination").first.click()
    page.get_by_role("textbox", name=NAME).fill("nowhere")
    page.get_by_label("Endpoint").fill(f"http://127.0.0.1:{free_port()}")
    page.get_by_label("It is in a private network").check()
    page.get_by_role("button", name="Add the destination").click()
    expect(page.get_by_role("heading", name="nowhere")).to_be_visible()

    page.get_by_role("button", name="Send a test span").click()
    expect(page.get_by_role("alert")).to_contain_text("The span was not taken.")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Go on")).to_be_visible()
    page.locator("summary", has_text="Remove this destination").click()
    page.get_by_label("Type nowhere to confirm").fill("nowhere")
    page.get_by_role("button", name="Remove this destination").click()

    expect(page.get_by_role("status").filter(has_text="Destination nowhere is removed.")).to_be_visible()
    expect(page.get_by_role("link", name="nowhere")).to_have_count(0)
