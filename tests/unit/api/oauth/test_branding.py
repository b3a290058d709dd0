"""A customer's name, logo and colour on the pages of their server, and what branding cannot do."""

import base64
import hashlib
import re
import struct
import zlib
from typing import Any

import httpx
import pytest

from gatewayops.api.accent import DARK, LIGHT, accent, contrast
from gatewayops.api.picture import picture_of
from gatewayops.base.errors import InvalidInput

PUBLIC = "http://127.0.0.1:8080"
BRANDING = "/v1/servers/notes/branding"
ACME = {
    "product_name": "Acme Notes",
    "accent_color": "#FFDD00",
    "terms_url": "https://acme.example/terms",
    "privacy_url": "https://acme.example/privacy",
    "support_email": "help@acme.example",
}
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAKBueIx4ZKCMgoy0qqC+8P//8Nzc8P//////////////////////////////////////"
    "////////////////////wgALCAAUAB4BAREA/8QAFQABAQAAAAAAAAAAAAAAAAAAAAH/2gAIAQEAAAABgAP/xAAUEAEAAAAAAAAA"
    "AAAAAAAAAAAw/9oACAEBAAEFAk//xAAUEAEAAAAAAAAAAAAAAAAAAAAw/9oACAEBAAY/Ak//xAAUEAEAAAAAAAAAAAAAAAAAAAAw"
    "/9oACAEBAAE/IU//2gAIAQEAAAAQAA//xAAUEAEAAAAAAAAAAAAAAAAAAAAw/9oACAEBAAE/EE//2Q=="
)
WEBP = base64.b64decode("UklGRh4AAABXRUJQVlA4TBEAAAAvHcAEAAdQuS60sP+BiOh/AAA=")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'

DECEIVING = [
    {"product_name": "Acme\u202egro.elgoog"},  # writing direction
    {"product_name": "Acme\u200b"},  # a mark that cannot be seen
    {"product_name": "Acme\nGoogle"},  # line feed
    {"product_name": "A" * 61},  # long
    {"accent_color": "red;}body{background:url(//evil)"},  # style
    {"accent_color": "#12345g"},  # colour
    {"terms_url": "javascript:alert(1)"},  # script
    {"terms_url": "http://acme.example"},  # plain http
    {"privacy_url": "https://google.com@evil.example/"},  # user name
    {"privacy_url": "https:/acme"},  # no host
    {"privacy_url": "https://acme.example/\u202e"},  # no ascii
    {"support_email": "nobody"},  # no address
    {"logo_sha256": "0" * 64},  # a field that is not theirs
]


def png(width: int, height: int) -> bytes:
    """A black one."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head, rows = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0), b"\0" * (height * (width // 8 + 2))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


async def set_logo(client: httpx.AsyncClient, raw: bytes) -> httpx.Response:
    return await client.put(f"{BRANDING}/logo", json={"image": base64.b64encode(raw).decode()})


async def test_every_page_of_the_server_shows_the_brand_and_still_who_gets_the_answer(
    admin: httpx.AsyncClient, register: Any, browser: Any
) -> None:
    app, person = await register(), browser()
    assert (await admin.patch(BRANDING, json=ACME)).status_code == 200
    logo = (await set_logo(admin, WEBP)).json()["branding"]["logo_url"]

    sign_in = await person.go(app.authorize_url())
    consent = await person.sign_in(sign_in)
    pages = [
        sign_in,
        consent,
        await person.go(f"{app.issuer}/device"),
        await person.go(f"{app.issuer}/device/done"),
        await person.go(f"{app.issuer}/forgot"),
        await person.go(f"{app.issuer}/reset?token=none"),
        await person.go(f"{app.issuer}/consent?request=none"),
        await person.go(app.authorize_url(client_id="nobody")),
    ]

    for page in pages:
        assert f'src="{logo.removeprefix(PUBLIC)}" alt="Acme Notes"' in page.text
        assert f"<code>{app.resource}</code>" in page.text  # whatever it calls itself
        assert 'href="https://acme.example/terms" target="_blank" rel="noopener noreferrer"' in page.text
        assert 'href="mailto:help@acme.example"' in page.text
    assert "<b>Acme Notes</b>" in sign_in.text
    assert "<code>client.example</code>" in consent.text
    other = await register("papers")
    assert "Acme" not in (await browser("papers").go(other.authorize_url())).text


async def test_the_policy_allows_the_page_its_own_colours_and_our_files_and_no_more(
    admin: httpx.AsyncClient, register: Any, browser: Any, alter: Any
) -> None:
    app = await register()
    for _ in range(2):
        page = await browser().go(app.authorize_url())
        (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert page.headers["content-security-policy"] == (
            f"default-src 'none'; style-src 'self' 'sha256-{digest}'; script-src 'self'; img-src 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )
        assert "style=" not in page.text
        await admin.patch(BRANDING, json=ACME)
        await set_logo(admin, JPEG)
        await alter("SELECT 1")  # pages would show it within a fifth of a second
    assert "--brand:#ffdd00;--on-brand:#000000;--brand-text:#806e00" in style


async def test_a_logo_is_served_as_the_picture_it_is_and_as_nothing_else(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, people: Any
) -> None:
    polyglot = png(8, 8) + b"<script>alert(1)</script>"
    kinds = {png(30, 20): "image/png", JPEG: "image/jpeg", WEBP: "image/webp", polyglot: "image/png"}
    for raw, kind in kinds.items():
        url = (await set_logo(admin, raw)).json()["branding"]["logo_url"]
        answer = await anyone.get(url)
        assert (answer.content, answer.headers["content-type"]) == (raw, kind)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert "immutable" in answer.headers["cache-control"]
        assert (await anyone.get(url.replace("notes", "papers"))).status_code == 404

    assert (await admin.delete(f"{BRANDING}/logo")).json()["branding"]["logo_url"] is None
    assert (await anyone.get(url)).status_code == 404


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        pytest.param(SVG, "SVG is not taken", id="svg"),
        pytest.param(b"<!doctype html><script>alert(1)</script>", "a PNG, JPEG or WebP", id="page"),
        pytest.param(b"GIF89a\x01\x00\x01\x00", "a PNG, JPEG or WebP", id="gif"),
        pytest.param(b"\xff\xd8\xff" + SVG, "a PNG, JPEG or WebP", id="svg behind the mark of a jpeg"),
        pytest.param(b"RIFF\0\0\0\0WEBPVP8 " + SVG, "a PNG, JPEG or WebP", id="svg in a webp"),
        pytest.param(png(8, 8)[:20], "a PNG, JPEG or WebP", id="cut off"),
        pytest.param(b"", "a PNG, JPEG or WebP", id="empty"),
        pytest.param(png(60_000, 2), "1024 by 1024 pixels at most", id="small file, huge picture"),
        pytest.param(png(8, 8) + bytes(128 << 10), "128 KiB at most", id="large file"),
    ],
)
def test_what_is_no_picture_or_too_large_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        picture_of(raw)


async def test_who_sets_a_logo_that_is_none_is_told_what_would_do(
    admin: httpx.AsyncClient, people: Any
) -> None:
    refused = await set_logo(admin, SVG)
    assert (refused.status_code, "SVG is not taken" in refused.json()["message"]) == (400, True)
    refused = await admin.put(f"{BRANDING}/logo", json={"image": "<svg>"})
    assert (refused.status_code, "base64" in refused.json()["message"]) == (400, True)
    assert (await admin.get(BRANDING)).json()["branding"]["logo_url"] is None


async def test_branding_that_deceives_or_breaks_a_page_is_refused(
    admin: httpx.AsyncClient, people: Any
) -> None:
    for change in DECEIVING:
        answer = await admin.patch(BRANDING, json=change)
        assert answer.status_code == 400, change
        assert next(iter(change)) in answer.json()["message"]
    kept = (await admin.get(BRANDING)).json()["branding"]
    assert not any(kept[name] for name in ACME)


async def test_a_name_with_markup_is_text(admin: httpx.AsyncClient, register: Any, browser: Any) -> None:
    app = await register()
    evil = '</b><form action="//evil">"\'&amp;'
    support = 'a"><script>?subject=x@acme.example'
    assert (await admin.patch(BRANDING, json={"product_name": evil, "support_email": support})).is_success
    await set_logo(admin, WEBP)
    page = (await browser().go(app.authorize_url())).text
    assert "//evil&quot;" in page
    assert '<form action="//evil"' not in page
    assert "<script>" not in page
    assert 'href="mailto:a%22%3E%3Cscript%3E%3Fsubject%3Dx@acme.example"' in page


@pytest.mark.parametrize(
    "color", ["#000000", "#ffffff", "#ffdd00", "#1f6feb", "#7f7f7f", "#00ff00", "#14171a"]
)
def test_any_colour_can_be_read_by_day_and_by_night(color: str) -> None:
    shades = accent(color)
    assert contrast(shades.on_light, LIGHT) >= 4.5
    assert contrast(shades.on_dark, DARK) >= 4.5
    assert contrast(shades.text, color) >= 4.5


def test_contrast_is_what_the_guideline_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert accent("#7a1fa2").on_light == "#7a1fa2"  # what can be read stays as it is


async def test_others_see_and_change_no_branding_and_the_audit_log_says_who_did(
    admin: httpx.AsyncClient, client_of: Any, people: Any
) -> None:
    await admin.patch(BRANDING, json=ACME)
    await set_logo(admin, WEBP)
    stranger = await client_of("org_other", "servers.*")
    narrow = await client_of("org_default", "servers.*", servers=("files",))
    for client, status in ((stranger, 404), (narrow, 403)):
        assert (await client.get(BRANDING)).status_code == status
        assert (await client.patch(BRANDING, json={"product_name": "Evil"})).status_code == status
        assert (await set_logo(client, WEBP)).status_code == status
        assert (await client.delete(f"{BRANDING}/logo")).status_code == status
        assert (await client.delete(BRANDING)).status_code == status
    assert (await admin.get(BRANDING)).json()["branding"]["product_name"] == "Acme Notes"

    entries = (await admin.get("/v1/logs/audit")).text
    assert "server_branding.created" in entries
    assert base64.b64encode(WEBP).decode() not in entries
    assert (await admin.delete(BRANDING)).status_code == 204
    left = (await admin.get(BRANDING)).json()["branding"]
    assert (left["product_name"], left["logo_url"]) == ("", None)
