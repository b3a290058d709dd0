"""Which argument values analytics may show: only what the settings name, to the letter."""

import pytest

from gatewayops.query.behaviour import may_show
from gatewayops.query.settings import AnalyticsSettings
from gatewayops.settings import SettingsWrong, load


@pytest.mark.parametrize(
    ("allowed", "server", "tool", "field", "is_shown"),
    [
        pytest.param("search.query", "", "search", "query", True, id="as it is named"),
        pytest.param("search.query", "docs", "search", "query", True, id="of any server"),
        pytest.param("docs/search.query", "docs", "search", "query", True, id="of the server that is named"),
        pytest.param("docs/search.query", "", "search", "query", False, id="of a server nobody asked for"),
        pytest.param("docs/search.query", "git", "search", "query", False, id="of another server"),
        pytest.param("search*.query", "", "search_code", "query", True, id="of tools by a pattern"),
        pytest.param("*.query", "", "search", "filters.query", False, id="deeper than it is named"),
        pytest.param("search.filters.lang", "", "search", "filters.lang", True, id="deep as it is named"),
        pytest.param("search.filters.lang", "", "search", "filters", False, id="the whole around it"),
        pytest.param("search.query", "", "search", "query.text", False, id="below it"),
        pytest.param("search.query", "", "research", "query", False, id="of a tool that ends so"),
    ],
)
def test_a_value_is_shown_only_of_a_field_that_is_named(allowed, server, tool, field, is_shown):
    settings = AnalyticsSettings(argument_fields=(allowed,))

    assert may_show(settings, server=server, tool=tool, field=field) is is_shown
    assert not may_show(AnalyticsSettings(), server=server, tool=tool, field=field)


@pytest.mark.parametrize("field", ["query", "search.*", "search.", ".query"])
def test_a_field_that_could_name_too_much_or_nothing_stops_the_start(tmp_path, field):
    environ = {
        "GATEWAYOPS_DATA_DIR": str(tmp_path),
        "GATEWAYOPS_ANALYTICS__ARGUMENT_FIELDS": f"search.query,{field}",
    }

    with pytest.raises(SettingsWrong, match="argument_fields"):
        load(environ=environ)
