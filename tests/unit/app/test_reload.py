"""`up --reload` notices what changed."""

import asyncio
import os

from gatewayops.app.reload import changes


async def test_a_changed_source_file_is_noticed_and_others_are_not(tmp_path):
    source = tmp_path / "deep" / "module.py"
    source.parent.mkdir()
    source.write_text("x = 1")
    watching = changes(tmp_path)
    noticed = asyncio.create_task(anext(watching))
    await asyncio.sleep(0.1)

    tmp_path.joinpath("notes.txt").write_text("not source")
    os.utime(source, ns=(1, 1))

    async with asyncio.timeout(20):
        assert await noticed == source
    await watching.aclose()
