"""Alerts in the dashboard: a rule is made, calls fail, and the incident shows up with who was told."""

from playwright.sync_api import expect


def test_an_alert_is_made_and_seen_to_fire_and_is_silenced(ada, call, eventually, tmp_path):
    page = ada.open("/alerts/rules/new?server=demo&tool=fail")
    page.get_by_label("Name").fill("the failing tool fails")
    page.get_by_label("Threshold").fill("200")
    page.get_by_label("Of at least, calls").fill("3")
    page.get_by_role("button", name="Make rule").click()
    expect(page.get_by_role("alert")).to_contain_text("at most 100")
    expect(page.get_by_label("Name")).to_have_value("the failing tool fails")
    page.get_by_label("Threshold").fill("50")
    page.get_by_role("button", name="Make rule").click()
    expect(page.get_by_role("status").filter(has_text="is watching")).to_be_visible()

    for _ in range(4):
        call("fail", {})

    def is_firing():
        page.goto("/alerts?state=firing")
        return (
            page.get_by_role("link", name="calls of demo/fail failed")
            .or_(page.get_by_role("row", name="the failing tool fails"))
            .count()
        )

    eventually(is_firing)
    page.get_by_role("row", name="the failing tool fails").get_by_role("link").click()
    expect(page.get_by_role("link", name="See the calls")).to_have_attribute(
        "href", "/traces?server=demo&tool=fail&status=error"
    )
    page.get_by_role("link", name="Silence", exact=True).click()
    page.get_by_label("Why").fill("known")
    page.get_by_role("button", name="Silence").click()
    expect(page.get_by_role("row", name="the failing tool fails")).to_contain_text("known")


def test_a_channel_is_tested_and_the_real_answer_is_shown(ada):
    page = ada.open("/alerts/channels")
    page.get_by_label("Name", exact=True).fill("hook")
    page.get_by_label("Kind").select_option("webhook")
    page.get_by_label("Address").fill("https://ops.example.com/hook")
    page.get_by_role("button", name="Make channel").click()
    expect(page.get_by_text("whsec_")).to_be_visible()
    page.goto("/alerts/channels")
    expect(page.get_by_text("whsec_")).not_to_be_visible()
    row = page.get_by_role("row", name="hook")
    row.locator("summary", has_text="Remove").click()
    row.get_by_label("Type hook to confirm").fill("hok")
    row.get_by_role("button", name="Remove").click()
    expect(row.get_by_role("alert")).to_contain_text("nothing was changed")
    row.get_by_label("Type hook to confirm").fill("hook")
    row.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("status").filter(has_text="Channel hook removed")).to_be_visible()
