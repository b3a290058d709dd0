"""What of a browser's request reaches the API on behalf of a page."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from gatewayops.identity import same_visit
from gatewayops.web.rest import Refused, Rest, segment


async def seen(request: Request) -> JSONResponse:
    lines = [[name, value] for name, value in request.headers.items() if name != "accept-encoding"]
    return JSONResponse({"lines": lines, "path": request.scope["path"]})


def asked(*lines: tuple[bytes, bytes], app: Starlette | None = None) -> Rest:
    """The API for a request with these header lines."""
    scope = {"type": "http", "method": "GET", "scheme": "http", "path": "/", "query_string": b""}
    request = Request(scope | {"headers": list(lines), "client": ("192.0.2.1", 4711)})
    return Rest(app or Starlette(routes=[Route("/v1/{path:path}", seen)]), request)


async def test_each_line_that_proxies_wrote_goes_along():
    said = (b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"203.0.113.7")

    found = await asked((b"host", b"here"), *said, (b"authorization", b"Bearer gwo_x")).get("/v1/seen")

    names = [name for name, _ in found["lines"]]
    assert [value for name, value in found["lines"] if name == "x-forwarded-for"] == [
        "6.6.6.6",
        "203.0.113.7",
    ]
    assert "authorization" not in names


async def test_only_figures_that_many_look_at_may_be_old():
    rest = asked((b"cache-control", b"max-age=0"))

    fresh, recent = [dict((await get("/v1/seen"))["lines"]) for get in (rest.get, rest.recent)]
    assert (fresh.get("cache-control"), recent.get("cache-control")) == (None, "max-age=15")


@pytest.mark.parametrize(
    "line",
    [
        pytest.param((b"host", b"here:none"), id="a Host that is none"),
        pytest.param((b"host", b"here/v1/elsewhere?"), id="a Host with a path"),
        pytest.param((b"cookie", b"theirs=\xc3\xa9"), id="somebody else's cookie that is not ASCII"),
    ],
)
async def test_no_header_breaks_a_page_or_leads_it_elsewhere(line):
    found = await asked(line).get("/v1/seen")

    assert [line[0].decode(), line[1].decode("latin-1")] in found["lines"]


async def test_a_question_is_written_as_clients_write_it():
    app = Starlette(routes=[Route("/v1/{path:path}", echoed, methods=["GET", "POST"])])
    rest = asked((b"host", b"here"), app=app)

    found = await rest.get("/v1/a b", flag=True, off=None, none="", zero=0, several=["x y", "é&"], said="1+1")
    sent = await rest.send("POST", f"/v1/{segment('ä/ö')}", {"name": "ä"}, form_token="t")

    assert found == {
        "path": "/v1/a b",
        "raw": "/v1/a%20b",
        "query": "flag=true&zero=0&several=x+y&several=%C3%A9%26&said=1%2B1",
        "body": "",
        "type": "",
    }
    assert sent == {
        "path": "/v1/ä/ö",
        "raw": "/v1/%C3%A4%2F%C3%B6",
        "query": "",
        "body": '{"name":"ä"}',
        "type": "application/json",
    }


async def echoed(request: Request) -> JSONResponse:
    body = await request.body()
    assert body == b"" or request.headers["content-length"] == str(len(body))
    return JSONResponse(
        {
            "path": request.scope["path"],
            "raw": request.scope["raw_path"].decode(),
            "query": request.scope["query_string"].decode(),
            "body": body.decode(),
            "type": request.headers.get("content-type", ""),
        }
    )


async def test_only_questions_of_one_visit_share_what_is_known_and_a_change_ends_it():
    visits = []

    async def noted(request: Request) -> JSONResponse:
        visit = same_visit.of(request.scope)
        visits.append((request.method, visit.known("who")))
        visit.keep("who", "ada")
        return JSONResponse({}, status_code=400 if "refused" in request.scope["path"] else 200)

    app = Starlette(routes=[Route("/v1/{path:path}", noted, methods=["GET", "POST"])])
    rest = asked((b"gatewayops.same_visit", b"ada"), app=app)
    await rest.get("/v1/a")
    await rest.get("/v1/b")
    with pytest.raises(Refused):
        await rest.send("POST", "/v1/refused", form_token="t")
    await rest.get("/v1/c")
    await asked(app=app).get("/v1/d")

    assert visits == [("GET", None), ("GET", "ada"), ("POST", None), ("GET", None), ("GET", None)]


async def test_an_api_that_fails_is_told_as_an_error():
    async def fails(request: Request) -> JSONResponse:
        raise RuntimeError

    app = Starlette(routes=[Route("/v1/{path:path}", fails)])
    with pytest.raises(Refused) as told:
        await asked(app=app).get("/v1/a")

    assert told.value.status == 500


async def test_a_name_of_dots_stays_within_its_place():
    found = await asked((b"host", b"here")).get(f"/v1/servers/{segment('..')}/tools/{segment('.')}")

    assert found["path"] == "/v1/servers/../tools/."


async def sent_for(way: str) -> list[dict]:
    """What the browser gets for a download, message by message."""

    async def packed(request: Request) -> Response:
        if request.headers["x-gatewayops-token"] != "ours":
            return JSONResponse({"message": "not you"}, status_code=403)
        parts = (part async for part in chunks())
        return StreamingResponse(parts, headers={"Content-Disposition": "attachment", "X-Inner": "1"})

    async def chunks():
        for _ in range(3):
            yield b"x" * 1000

    async def nothing() -> dict:
        await asyncio.Event().wait()
        return {}

    got: list[dict] = []

    async def send(message: dict) -> None:
        got.append(message)

    rest = asked((b"host", b"here"), app=Starlette(routes=[Route("/v1/export", packed, methods=["POST"])]))
    answer = rest.download(
        "POST", "/v1/export", {}, form_token=way, refused=lambda error: Response(error.message, error.status)
    )
    await answer({"type": "http"}, nothing, send)
    return got


async def test_a_download_is_passed_on_part_by_part_and_never_kept_as_a_whole():
    start, *parts = await sent_for("ours")

    assert [len(part["body"]) for part in parts] == [1000, 1000, 1000, 0]
    assert dict(start["headers"]) == {
        b"content-disposition": b"attachment",
        b"cache-control": b"no-store",
        b"x-content-type-options": b"nosniff",
    }


async def test_a_download_that_is_refused_is_a_page():
    start, body = await sent_for("theirs")

    assert (start["status"], body["body"]) == (403, b"not you")
