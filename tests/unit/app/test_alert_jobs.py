"""The jobs of alerts as the control role runs them."""

import asyncio

from gatewayops.alerts.settings import AlertSettings
from gatewayops.api.parts import ControlParts
from gatewayops.api.settings import ControlSettings
from gatewayops.app.alert_jobs import AlertJobs
from gatewayops.base import clock
from gatewayops.base.crypto import Sealer
from gatewayops.store.control import alert_channels
from gatewayops.store.control.alert_channels import Channel
from gatewayops.store.control.credentials import Credentials
from gatewayops.store.secrets.keyring import Keyring
from gatewayops.store.secrets.local import LocalMaster
from gatewayops.store.secrets.master import Masters
from gatewayops.upstream.settings import UpstreamSettings


class BusyTelemetry:
    """A telemetry store that knows of 60 calls without a valid key, and of nothing else."""

    async def rows(self, sql, parameters=None):
        if "GROUP BY" in sql:
            return []
        return [
            {"calls": 60, "judged": 0, "failures": 0, "limited": 0, "refused": 60, "durations": [0.0] * 4}
        ]


async def test_a_new_installation_tells_its_channel_of_a_breach_by_its_default_rules(database, tmp_path):
    mail = tmp_path / "mail"
    channel = Channel("channel_1", "org_default", "ops", "email", "a@example.com", b"", True, clock.now())
    async with database.session() as session:
        await alert_channels.add(session, channel)
    sealer, master = Sealer(b"s" * 32), LocalMaster(tmp_path / "secrets")
    keyring = Keyring(Masters("local", {"local": lambda: master}), before=sealer)
    parts = ControlParts(
        database=database,
        telemetry=BusyTelemetry(),
        sealer=sealer,
        credentials=Credentials(database, keyring),
        settings=ControlSettings(),
        upstream=UpstreamSettings(),
        internal_token="",
    )
    jobs = asyncio.create_task(AlertJobs(parts, AlertSettings(mail_folder=str(mail))).run())

    async with asyncio.timeout(60):
        while not (mail.exists() and any(mail.iterdir())):  # noqa: ASYNC110 - a file tells nobody that it is there
            await asyncio.sleep(0.1)
    jobs.cancel()
    await asyncio.gather(jobs, return_exceptions=True)

    (sent,) = mail.iterdir()
    assert "60 calls of all servers showed no valid key in 5 minutes (threshold 50)" in sent.read_text()
