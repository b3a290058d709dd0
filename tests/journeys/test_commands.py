"""The commands on an installation that runs: from the machine itself, and from elsewhere with a key."""

import json

import httpx
import pytest
from click.testing import CliRunner

from gatewayops.cli.root import root
from gatewayops.testing.installation import run_cli


@pytest.fixture(scope="module")
def remote_admin(installation):
    """An administrator's key, for somebody elsewhere."""
    return installation.json("key", "create", "from-elsewhere", "--admin")["secret"]


@pytest.fixture(scope="module")
def remote(installation, remote_admin):
    """Runs a command as somebody elsewhere who holds an administrator's key."""

    def run(*words, key=remote_admin, option="--url"):
        return run_cli(*words, option, installation.url, "--key", key)

    return run


@pytest.fixture(scope="module")
def traced(installation, eventually):
    """A call by a key of a team, once it can be seen."""
    installation.json("team", "add", "tracers")
    key = installation.json("key", "create", "tracer", "--team", "tracers")

    def call():
        return httpx.post(
            f"{installation.url}/v1/mcp/demo/tools/call",
            json={"tool": "fail", "arguments": {"message": "a needle in the haystack"}},
            headers={"Authorization": f"Bearer {key['secret']}", "X-Trace-ID": "the-traced-call"},
        )

    eventually(lambda: call().status_code == 200)
    eventually(lambda: installation.cli("trace", "show", "the-traced-call").returncode == 0)
    return key


@pytest.mark.parametrize(
    "filters",
    [
        ("--last", "1h"), ("--team", "tracers"), ("--api-key", "tracer"), ("--tool", "fail"),
        ("--status", "error"), ("--server", "demo"),
        ("--search", "needle in the haystack"), ("--min-cost", "0.000001"),
    ],
    ids=lambda words: words[0],
)  # fmt: skip
def test_the_trace_is_found_by_what_is_known_of_it(installation, traced, filters):
    trace_id = installation.json("trace", "show", "the-traced-call")["id"]

    found = installation.json("trace", "list", *filters)["traces"]

    assert trace_id in [trace["id"] for trace in found]


@pytest.mark.parametrize("by", ["day", "week", "month", "team", "user", "server", "tool", "project"])
def test_costs_are_summed_by(installation, traced, by):
    told = installation.json("cost", "summary", "--by", by)

    assert told["summary"]["total_cost"] > 0
    assert sum(row["calls"] for row in told["breakdown"]) == told["summary"]["total_calls"]


def test_people_see_tables(installation, traced):
    assert "demo" in installation.cli("trace", "list").stdout
    assert "demo/fail" in installation.cli("cost", "summary", "--by", "tool").stdout
    assert "$" in installation.cli("cost", "trace", "the-traced-call").stdout
    assert "last used" in installation.cli("key", "show", "tracer").stdout
    assert "era      modern" in installation.cli("server", "test", "demo").stdout


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("analytics", "summary"), "returning users"),
        (("analytics", "users"), "stickiness"),
        (("analytics", "users", "--by", "week"), "returning"),
        (("analytics", "segments"), "6-20"),
        (("analytics", "retention"), "new in the week of"),
        (("analytics", "funnel", "demo/fail", "echo", "--window", "2h"), "within 2h"),
        (("analytics", "journeys", "--length", "2"), "to"),
        (("analytics", "tools", "--server", "demo"), "fail"),
        (("analytics", "intents"), "(none)"),
        (("cost", "summary"), "is expected to cost"),
        (("cost", "top", "--limit", "200"), "demo"),
        (("cost", "tool-lists"), "never called"),
        (("cost", "export"), "day,team_id,team"),
        (("cost", "export", "--format", "focus"), "BilledCost,BillingAccountId"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_figures_are_shown_to_people_and_programs(installation, remote_admin, traced, words, shown):
    asked = [*words, "--url", installation.url, "--key", remote_admin]
    done = CliRunner().invoke(root, asked)

    assert done.exit_code == 0, done.output
    assert shown in done.stdout
    if "export" not in words:
        assert json.loads(CliRunner().invoke(root, [*asked, "--json"]).stdout)


def test_an_argument_that_the_settings_do_not_name_is_denied_in_one_line(installation, remote_admin, traced):
    asked = ["analytics", "arguments", "fail", "message", "--url", installation.url, "--key", remote_admin]
    done = CliRunner().invoke(root, asked)

    assert done.exit_code == 1
    assert "analytics.argument_fields" in done.stderr


def test_an_export_goes_into_a_file(installation, remote_admin, traced, tmp_path):
    asked = ["cost", "export", "--url", installation.url, "--key", remote_admin]
    done = CliRunner().invoke(root, [*asked, "--output", str(tmp_path / "costs.csv")])

    assert done.exit_code == 0, done.output
    lines = (tmp_path / "costs.csv").read_text().splitlines()
    assert f": {len(lines) - 1} row" in done.stdout


def test_the_usage_of_a_key_is_shown(installation, traced):
    usage = installation.json("key", "show", traced["id"])["usage"]

    assert usage["calls"] >= 1
    assert usage["errors"] >= 1
    assert usage["cost"] > 0


def test_every_noun_works_from_elsewhere(remote, traced):
    for words in (
        ("server", "list"), ("server", "show", "demo"), ("server", "test", "demo"), ("key", "list"),
        ("key", "show", "tracer"), ("trace", "list"), ("trace", "show", "the-traced-call"),
        ("cost", "summary"), ("price", "list"), ("team", "list"), ("user", "list"), ("project", "list"),
    ):  # fmt: skip
        done = remote(*words, "--json")
        assert done.returncode == 0, (words, done.stderr)
        assert json.loads(done.stdout)


def test_a_server_at_a_private_address_is_refused_from_elsewhere(remote):
    done = remote("server", "add", "inside", "--url", "http://127.0.0.1:9/mcp", option="--gateway")

    assert done.returncode == 1
    assert "allow_private_upstreams" in done.stderr


@pytest.mark.parametrize(
    "key", ["", "nonsense", "gwo_prod_" + "x" * 32], ids=["none", "malformed", "unknown"]
)
def test_without_a_key_that_counts_the_way_in_is_named(remote, key):
    done = remote("server", "list", key=key)

    assert done.returncode == 1
    assert "GATEWAYOPS_KEY" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_that_may_not_is_told_which_action_it_lacks(remote, traced):
    done = remote("key", "list", key=traced["secret"])

    assert done.returncode == 1
    assert "keys.read" in done.stderr


def test_a_trace_that_is_not_there_is_said_in_one_line(installation):
    done = installation.cli("trace", "show", "never-happened")

    assert done.returncode == 1
    assert "never-happened" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_what_an_agent_did_is_shown_and_compared(installation, traced):
    [listed] = installation.json("run", "list", "--tool", "fail", "--api-key", "tracer")["runs"]

    assert (listed["outcome"], listed["errors"]) == ("failed", listed["steps"])
    assert "tools.call demo/fail" in installation.cli("run", "show", listed["id"]).stdout
    compared = installation.cli("run", "compare", listed["id"], "the-traced-call").stdout
    assert "B beyond A:" in compared
    shown = installation.cli("run", "list", "--last", "1h", "--tool", "fail", "--api-key", "tracer").stdout
    assert listed["id"] in shown


def test_metrics_and_what_is_kept_are_shown(installation, traced):
    figures = installation.json("metrics", "summary", "--api-key", "tracer", "--last", "1h")["figures"]

    assert figures["calls"] == figures["errors"] > 0
    assert "demo/fail" in installation.cli("metrics", "series", "--by", "tool", "--api-key", "tracer").stdout
    installation.json("retention", "set", "--spans", "30", "--payloads", "7")
    assert "7 days" in installation.cli("retention", "show").stdout
