"""Every page of the dashboard with demo data: no barriers, no overflow, no complaint of the browser."""

import pytest

from gatewayops.testing.browsing import NARROW, WIDE, Browsing
from gatewayops.testing.dashboard_pages import examples
from gatewayops.testing.first_person import first_administrator
from gatewayops.testing.installation import Installation
from gatewayops.web.navigation import GROUPS, current

PLACES = [place.path for group in GROUPS for place in group.places]  # pages of none go with the first


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


@pytest.mark.parametrize("place", PLACES, ids=lambda path: path.strip("/") or "others")
def test_nobody_is_kept_out_of_any_page(looking, axe, place):
    browsing, paths = looking
    found = {}
    with browsing.person() as person:
        for path in (path for path in paths.values() if place == (current(path) or "/")):
            person.look_in(scheme="light", width=WIDE)
            person.open(path)
            if faults := faults_of(person, axe):
                found[path] = faults
        person.check_quiet()
    assert found == {}


def faults_of(person, axe):
    """All rules once a width; in the dark only contrast, and when narrow that only of what looks other."""
    found = {"light and wide": person.barriers(axe)}
    found["wide"] = over(person)
    person.look_in(scheme="dark", width=WIDE)
    found["dark and wide"] = person.barriers(axe, only_contrast=True)
    person.look_in(scheme="dark", width=NARROW)
    found["dark and narrow"] = person.barriers(axe, only_contrast=True, contrast_of="changed")
    person.look_in(scheme="light", width=NARROW)
    found["light and narrow"] = person.barriers(axe, contrast_of="changed")
    found["narrow"] = over(person)
    return {where: faults for where, faults in found.items() if faults}


def over(person):
    return [f"{px} px wider than the window"] if (px := person.overflow_px()) > 0 else []
