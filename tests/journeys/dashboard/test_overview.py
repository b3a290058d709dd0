"""The first page of the dashboard, and how one gets about from it."""

from playwright.sync_api import expect


def test_the_overview_shows_the_calls_of_the_day(ada, call, eventually):
    call("echo", {"text": "hello"})
    page = ada.page

    def has_calls():
        ada.open("/")
        return page.get_by_role("img", name="Calls").count()

    eventually(has_calls)
    expect(page.get_by_role("region", name="Figures")).to_contain_text("Calls")
    expect(page.get_by_role("img", name="Calls")).to_be_visible()
    page.get_by_role("figure", name="Calls").get_by_text("Data").click()
    expect(page.get_by_role("region", name="Calls: data")).to_be_visible()


def test_the_keyboard_leads_everywhere(ada):
    page = ada.open("/")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Go to").fill("audit")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Audit log")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_label("Search in traces")).to_be_focused()
    page.keyboard.press("Escape")
    page.get_by_role("heading", name="Audit log").click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()


def test_the_theme_is_remembered(ada):
    page = ada.open("/")
    page.get_by_role("button", name="Theme").click()
    page.get_by_role("button", name="Theme").click()
    page.reload()
    expect(page.locator("html")).to_have_class("dark scripted")
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()


def test_a_page_that_is_not_there_says_so(browsing):
    with browsing.person() as ada:
        expect(ada.open("/nowhere").get_by_role("alert")).to_contain_text("There is nothing at /nowhere")


def test_who_is_not_signed_in_is_led_to_the_sign_in(browsing):
    with browsing.person(is_known=False) as somebody:
        page = somebody.open("/audit?action=key.*")
        expect(page).to_have_url(f"{browsing.url}/sign-in?return_to=%2Faudit%3Faction%3Dkey.%2A")
