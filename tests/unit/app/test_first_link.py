"""The link that makes the first administrator: kept from start to start, new when it ran out, then gone."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from gatewayops.app import first_link, first_link_file
from gatewayops.app.layout import DataDirectory
from gatewayops.base import clock
from gatewayops.store.control import directory, user_passwords
from gatewayops.store.control.account_tables import OneTimeLink


@pytest.fixture
def data(tmp_path):
    return DataDirectory(tmp_path / "data").prepare()


async def test_it_stays_until_it_runs_out_or_somebody_can_sign_in(database, data):
    assert first_link_file.read(data) == ""
    await first_link.ensure(database, data)
    first = first_link_file.read(data)
    await first_link.ensure(database, data)
    assert first_link_file.read(data) == first
    assert first.encode() not in (data.secrets / "first-link").read_bytes()

    async with database.session() as session:
        await session.execute(update(OneTimeLink).values(expires_at=clock.now() - timedelta(seconds=1)))
    await first_link.ensure(database, data)
    assert first_link_file.read(data) not in ("", first)

    async with database.session() as session:
        user = await directory.add_user(session, org_id=directory.DEFAULT_ORG, email="ada@example.com")
        await user_passwords.put(session, org_id=directory.DEFAULT_ORG, user_id=user.id, password_hash="x")
    await first_link.ensure(database, data)
    assert first_link_file.read(data) == ""
