"""The audit log in the dashboard: found, taken away, and proven."""

import io
import zipfile
from pathlib import Path

from playwright.sync_api import expect


def test_the_log_is_searched_exported_and_verified(ada):
    page = ada.open("/audit?action=user.*")
    expect(page.get_by_role("row", name="user.created").first).to_be_visible()
    expect(page.get_by_role("row", name="server.created")).not_to_be_visible()
    page.get_by_text("Export", exact=True).click()
    with page.expect_download() as started:
        page.get_by_role("button", name="Download").click()
    packed = zipfile.ZipFile(io.BytesIO(Path(started.value.path()).read_bytes()))
    assert {"entries.jsonl", "manifest.json"} <= set(packed.namelist())

    page.get_by_role("link", name="Proof").click()
    page.get_by_role("button", name="Sign now").click()
    expect(page.get_by_role("status").filter(has_text="Signed:")).to_be_visible()
    page.get_by_role("button", name="Verify now").click()
    expect(page.get_by_role("status").filter(has_text="Proven.")).to_contain_text("entries follow")


def test_the_proof_needs_no_script(browsing):
    with browsing.person(has_scripts=False) as ada:
        page = ada.open("/audit/proof")
        page.get_by_role("button", name="Verify now").click()
        expect(page.get_by_text("Proven.")).to_be_visible()
