"""Every page of the dashboard with demo data: no barriers, no overflow, no complaint of the browser."""

import pytest

from gatewayops.testing.browsing import NARROW, WIDE, Browsing
from gatewayops.testing.dashboard_pages import examples
from gatewayops.testing.first_person import first_administrator
from gatewayops.testing.installation import Installation


@pytest.fixture(scope="module")
def seeded(tmp_path_factory):
    """An installation of its own, full of demo data."""
    running = Installation(tmp_path_factory.mktemp("seeded") / "data", "--demo")
    running.start()
    running.json("demo", "seed", "--days", "30", "--calls", "3000")
    yield running
    running.close()


@pytest.fixture(scope="module")
def looking(seeded, browser):
    with first_administrator(seeded) as client:
        yield Browsing(browser, seeded.url, client.cookies), examples(client)


@pytest.mark.parametrize(
    ("scheme", "width"),
    [
        pytest.param("light", WIDE, id="light"),
        pytest.param("dark", WIDE, id="dark"),
        pytest.param("light", NARROW, id="narrow-light"),
        pytest.param("dark", NARROW, id="narrow-dark"),
    ],
)
def test_nobody_is_kept_out_of_any_page(looking, axe, scheme, width):
    browsing, paths = looking
    found = {}
    with browsing.person(scheme=scheme, width=width) as person:
        for path in paths.values():
            person.open(path)
            faults = person.barriers(axe)
            if person.overflow_px() > 0:
                faults.append(f"{person.overflow_px()} px wider than the window")
            if faults:
                found[path] = faults
        person.check_quiet()
    assert found == {}
