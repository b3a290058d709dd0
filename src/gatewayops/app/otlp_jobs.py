"""OTLP in the control role: the intake behind the API, and a recorder a signal."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from gatewayops.api.parts import ControlParts
from gatewayops.app.layout import DataDirectory
from gatewayops.record.intake import Intake
from gatewayops.record.otlp import destinations, signals
from gatewayops.record.recorder import Recorder
from gatewayops.settings import Settings


@contextmanager
def with_intake(parts: ControlParts, settings: Settings) -> Iterator[ControlParts]:
    """The parts of a role that takes exports."""
    data = DataDirectory(settings.data)
    intake = Intake(data.otlp, settings.record, retention_days=settings.telemetry.retention_days)
    try:
        yield replace(parts, intake=intake)
    finally:
        intake.close()


def recorders(settings: Settings, tables: destinations.Tables) -> list[Recorder[Any]]:
    """One a signal, each with a spool and a state of its own."""
    data = DataDirectory(settings.data)
    return [
        Recorder(
            data.otlp / signal.noun,
            data.state / "otlp" / signal.noun,
            destinations.Exported(tables, signal.kind),
            settings.record,
        )
        for signal in (signals.TRACES, signals.LOGS, signals.METRICS)
    ]
