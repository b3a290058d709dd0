"""The rules that a new organisation gets, once; it may change and remove them. Names tell them apart."""

from gatewayops.alerts.rule import Kind, Severity
from gatewayops.store.control import alert_rules
from gatewayops.store.control.alert_rules import Rule, RuleSpec
from gatewayops.store.control.database import Database, Session

UNUSUAL = RuleSpec(
    name="Unusual number of calls of a server",
    kind=Kind.UNUSUAL.value,
    split_by="server",
    threshold=4.5,
    window_s=900,
    min_calls=20,
    severity=Severity.WARNING.value,
)
DEFAULT_RULES = (
    RuleSpec(
        name="Calls of a server fail",
        kind=Kind.ERROR_RATE.value,
        split_by="server",
        threshold=20.0,
        window_s=300,
        for_s=60,
        min_calls=20,
        severity=Severity.CRITICAL.value,
    ),
    RuleSpec(
        name="A server is slow",
        kind=Kind.LATENCY.value,
        split_by="server",
        threshold=5_000.0,
        percentile=95,
        window_s=300,
        for_s=120,
        min_calls=20,
    ),
    RuleSpec(name="Many calls meet a rate limit", kind=Kind.LIMIT_HITS.value, threshold=100.0, window_s=300),
    RuleSpec(
        name="Many calls without a valid key", kind=Kind.AUTH_FAILURES.value, threshold=50.0, window_s=300
    ),
    *(
        RuleSpec(
            name=f"A budget is spent to {percent}%",
            kind=Kind.BUDGET.value,
            threshold=float(percent),
            severity=severity.value,
        )
        for percent, severity in ((50, Severity.INFO), (80, Severity.WARNING), (100, Severity.CRITICAL))
    ),
    UNUSUAL,
)


async def give_defaults(database: Database) -> None:
    """Gives each organisation that never had them the default rules, whoever else does the same."""
    async with database.reading() as session:
        org_ids = await alert_rules.without_defaults(session)
    for org_id in org_ids:
        async with database.session() as session:
            if await alert_rules.mark_defaults(session, org_id=org_id):
                await restore(session, org_id=org_id)


async def restore(session: Session, *, org_id: str) -> list[Rule]:
    """Makes those of the default rules whose name is missing; gives these."""
    known = await alert_rules.names(session, org_id=org_id)
    return [
        await alert_rules.add(session, org_id=org_id, spec=spec)
        for spec in DEFAULT_RULES
        if spec.name not in known
    ]
