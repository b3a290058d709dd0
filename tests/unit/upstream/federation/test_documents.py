"""What is kept of providers' documents: bounded, whatever tenants name."""

import pytest

from gatewayops.upstream.federation import documents
from gatewayops.upstream.federation.documents import Documents
from gatewayops.upstream.guarded_fetch import Answered, Question


async def test_large_documents_of_many_tenants_make_room_for_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    async def answer(question: Question, *, allows_private: bool) -> Answered:
        asked.append(question.url)
        return Answered(200, {"keys": []}, 3600, question.max_bytes)

    monkeypatch.setattr(documents, "ask", answer)
    kept, urls = Documents(), [f"https://idp{number}.example/keys" for number in range(100)]
    for url in urls:
        await kept.get(url, allows_private=False)
    for url in urls[-32:]:  # 8 MB of 256 KB each
        await kept.get(url, allows_private=False)
    assert asked == urls
    await kept.get(urls[-33], allows_private=False)
    assert asked[-1] == urls[-33]
    await kept.get(urls[-33], allows_private=False)
    assert len(asked) == 101
