"""The first page of the dashboard, as who opens it sees it."""

from playwright.sync_api import expect


def test_the_first_steps_tick_themselves_off_and_go_away(ada, call, eventually):
    page = ada.open("/")
    steps = page.get_by_role("region", name="First steps")
    expect(steps.get_by_role("listitem").filter(has_text="Add an MCP server")).to_contain_text("done")
    expect(steps.get_by_role("link", name="Make a first call")).to_be_visible()

    call("echo", {"text": "hello"})

    def is_done():
        page.reload()
        return not steps.is_visible()

    eventually(is_done)
    expect(page.get_by_role("region", name="Figures")).to_contain_text("Calls")
