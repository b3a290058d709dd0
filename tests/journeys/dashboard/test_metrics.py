"""Metrics and analytics: the last minute moves by itself, a chart is cut by dragging, a funnel is made."""

from playwright.sync_api import expect


def test_the_last_minute_moves_while_one_looks(ada, call):
    page = ada.open("/metrics/calls")
    live = page.get_by_role("region", name="The last minute")
    expect(live).to_contain_text("live, all servers")

    for _ in range(3):
        call("echo", {"text": "hello"})

    expect(live.locator('[data-live="active_agents"]')).not_to_have_text("0")
    expect(live.locator('[data-live="calls"]')).not_to_have_text("0")


def test_dragging_over_a_chart_chooses_a_part_of_the_time(ada, call, eventually):
    call("echo", {"text": "hello"})

    def has_calls():
        return ada.open("/metrics/calls?window=24h&by=tool").get_by_role("row", name="demo/echo").is_visible()

    eventually(has_calls)
    page = ada.page
    box = page.locator(".u-over").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 40, steps=4)
    page.mouse.up()
    page.wait_for_url("**start_time=**")

    assert "by=tool" in page.url
    expect(page.get_by_label("From (UTC)")).not_to_have_value("")
    page.get_by_role("link", name="Hour", exact=True).click()
    expect(page.get_by_role("row", name="demo/echo").first).to_be_visible()
    assert "start_time" not in page.url


def test_a_funnel_over_two_tools_is_in_the_address(ada, call, administrator, eventually):
    call("echo", {"text": "first"})
    second = call("add", {"a": 1, "b": 2})
    # A funnel is as old as a minute: it is asked once there is something to see.
    eventually(lambda: administrator.get(f"/v1/traces/{second['metadata']['trace_id']}").is_success)

    page = ada.open("/analytics/funnel?period=7d")
    page.get_by_label("Step 1").fill("demo/echo")
    page.get_by_label("Step 2").fill("demo/add")
    page.get_by_role("button", name="Show the funnel").click()
    page.wait_for_url("**step=demo%2Fecho&step=demo%2Fadd**")
    came_so_far = page.get_by_role("region", name="Users who came so far").get_by_role("listitem")
    expect(came_so_far.last).to_contain_text("100.0% of the first")
