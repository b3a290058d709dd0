"""Validation rules and transformations in the control store, on both databases."""

import pytest
from sqlalchemy import text

from gatewayops.base.errors import Conflict, InvalidInput, NotFound
from gatewayops.store.control import revision, snapshot_feed, transforms, validation
from gatewayops.store.control.database import Database
from gatewayops.store.control.directory import DEFAULT_ORG
from gatewayops.store.control.paging import Asked
from gatewayops.store.control.servers import Headers
from gatewayops.store.control.transforms import TransformSpec
from gatewayops.store.control.validation import RuleSpec
from gatewayops.store.snapshot import OwnPattern, StepRow, ValidationRow, decode, encode

OTHER = "org_other"
RULE = RuleSpec(
    server="files",
    tool="read",
    schema_mode="report",
    max_depth=5,
    patterns={"sql_injection": "block"},
    own_patterns=(OwnPattern("card", "[0-9]{16}", "report"),),
)
STEPS = (
    StepRow("set", "/a", value=b'{"b":[null,1.50,"\\u0000"]}'),
    StepRow("set", "/c", value=b"null"),
    StepRow("remove", "/x~1y"),
    StepRow("rename", "/é", to="ß"),
)


async def test_a_rule_replaces_the_one_for_the_same_tool(database: Database) -> None:
    async with database.session() as session:
        first = await validation.put(session, org_id=DEFAULT_ORG, spec=RULE)
        second = await validation.put(session, org_id=DEFAULT_ORG, spec=RuleSpec(server="files", tool="read"))
        page = await validation.page(session, org_id=DEFAULT_ORG, asked=Asked())

    assert first.spec == RULE
    assert page.rows == (second,)
    assert second.id == first.id
    assert second.spec == RuleSpec(server="files", tool="read")


async def test_rules_belong_to_their_organisation(database: Database) -> None:
    async with database.session() as session:
        rule = await validation.put(session, org_id=DEFAULT_ORG, spec=RULE)
        await validation.put(session, org_id=OTHER, spec=RULE)
    async with database.session() as session:
        with pytest.raises(NotFound):
            await validation.find(session, org_id=OTHER, rule_id=rule.id)
        with pytest.raises(NotFound):
            await validation.remove(session, org_id=OTHER, rule_id=rule.id)
        assert len(await validation.snapshot_rows(session, org_id=DEFAULT_ORG)) == 1
        await validation.remove(session, org_id=DEFAULT_ORG, rule_id=rule.id)
    async with database.reading() as session:
        assert [row.org_id for row in await validation.snapshot_rows(session)] == [OTHER]


async def test_every_change_reaches_gateways(database: Database) -> None:
    async def now() -> int:
        async with database.reading() as session:
            return await revision.current(session)

    seen = [await now()]
    async with database.session() as session:
        rule = await validation.put(session, org_id=DEFAULT_ORG, spec=RULE)
        spec = TransformSpec(name="t", server="files", request=STEPS)
        await transforms.add(
            session,
            org_id=DEFAULT_ORG,
            transform_id="trans_1",
            spec=spec,
            headers=Headers(("x-a",), b"sealed"),
        )
    seen.append(await now())
    async with database.reading() as session:
        built = decode(encode(await snapshot_feed.build(session)))
    assert built.validation == (
        ValidationRow(
            DEFAULT_ORG,
            "files",
            "read",
            schema_mode="report",
            max_depth=5,
            patterns={"sql_injection": "block"},
            own_patterns=RULE.own_patterns,
        ),
    )
    assert [(row.id, row.request, row.sealed_headers) for row in built.transforms] == [
        ("trans_1", STEPS, b"sealed")
    ]
    for step in (
        lambda session: validation.remove(session, org_id=DEFAULT_ORG, rule_id=rule.id),
        lambda session: transforms.replace(
            session, org_id=DEFAULT_ORG, transform_id="trans_1", spec=spec, headers=None
        ),
        lambda session: transforms.remove(session, org_id=DEFAULT_ORG, transform_id="trans_1"),
    ):
        async with database.session() as session:
            await step(session)
        seen.append(await now())
    assert seen == sorted(set(seen))


async def test_transformations_keep_their_order_headers_and_names(database: Database) -> None:
    async with database.session() as session:
        for number, position in enumerate((5, 0, 3)):
            await transforms.add(
                session,
                org_id=DEFAULT_ORG,
                transform_id=f"trans_{number}",
                spec=TransformSpec(name=f"n{number}", position=position),
                headers=Headers(("x-a",), b"sealed"),
            )
        spec = TransformSpec(name="n0", position=9, response=STEPS)
        kept = await transforms.replace(
            session, org_id=DEFAULT_ORG, transform_id="trans_0", spec=spec, headers=None
        )
        rows = await transforms.snapshot_rows(session)

    assert kept.headers == Headers(("x-a",), b"sealed")
    assert kept.spec == spec
    assert [row.id for row in rows] == ["trans_1", "trans_2", "trans_0"]


async def test_a_name_is_taken_once_an_organisation(database: Database) -> None:
    spec, headers = TransformSpec(name="same"), Headers()
    async with database.session() as session:
        for org_id in (DEFAULT_ORG, OTHER):
            await transforms.add(session, org_id=org_id, transform_id=org_id, spec=spec, headers=headers)
    with pytest.raises(Conflict):
        async with database.session() as session:
            await transforms.add(session, org_id=OTHER, transform_id="new", spec=spec, headers=headers)
    async with database.session() as session:
        with pytest.raises(NotFound):
            await transforms.find(session, org_id=OTHER, transform_id=DEFAULT_ORG)
        with pytest.raises(NotFound):
            await transforms.remove(session, org_id=OTHER, transform_id=DEFAULT_ORG)


async def test_an_organisation_has_a_bound_on_both(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "MAX_RULES", 0)
    monkeypatch.setattr(transforms, "MAX_TRANSFORMS", 0)
    async with database.session() as session:
        with pytest.raises(InvalidInput, match="at most 0"):
            await validation.put(session, org_id=DEFAULT_ORG, spec=RULE)
        with pytest.raises(InvalidInput, match="at most 0"):
            await transforms.add(
                session, org_id=DEFAULT_ORG, transform_id="t", spec=TransformSpec("t"), headers=Headers()
            )


async def test_rules_go_with_their_organisation(database: Database) -> None:
    async with database.session() as session:
        await validation.put(session, org_id=OTHER, spec=RULE)
    async with database.session() as session:
        await session.execute(text("DELETE FROM organisations WHERE id = 'org_other'"))
    async with database.reading() as session:
        assert await validation.snapshot_rows(session) == ()
