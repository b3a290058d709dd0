"""Prometheus and Grafana on a running installation: what deploy/ asks for is there.

The names in dashboards and rules are checked always; promtool and a real Prometheus where they are installed
(Debian: `apt-get install prometheus`, 60 MB, too much for every run).
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml

from gatewayops.testing.peer_process import free_port

DEPLOY = Path(__file__).parents[2] / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
NAME = re.compile(r"\b(?:gatewayops|process)_[a-z_]+\b")
PARTS = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}
NEEDS_PROMTOOL = pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool on this machine")
NEEDS_PROMETHEUS = pytest.mark.skipif(not shutil.which("prometheus"), reason="no prometheus on this machine")


def rules():
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def dashboards():
    return [json.loads(path.read_text()) for path in sorted((DEPLOY / "grafana").glob("*.json"))]


def expressions():
    """Each PromQL expression in deploy/, by where it stands."""
    found = {f"alert {rule['alert']}": rule["expr"] for rule in rules()}
    for board in dashboards():
        for panel in board["panels"]:
            for target in panel["targets"]:
                found[f"{board['title']}: {panel['title']} {target['refId']}"] = target["expr"]
    return found


def answered(expression):
    """As Grafana would ask it, all servers and tools chosen."""
    return re.sub(r"\$(server|tool)\b", ".*", expression).replace("$__rate_interval", "1m")


@pytest.fixture(scope="module")
def targets(installation):
    """What `up` wrote for Prometheus; the gateway has taken a call."""
    body = {"tool": "echo", "arguments": {"text": "counted"}}
    headers = {"Authorization": f"Bearer {installation.secret}"}
    call = httpx.post(f"{installation.url}/v1/mcp/demo/tools/call", json=body, headers=headers, timeout=30)
    assert call.status_code == 200
    return json.loads((installation.data / "run" / "prometheus.json").read_text())


@pytest.fixture(scope="module")
def scraped(targets):
    """The names that the roles show, by role."""
    shown = {}
    for group in targets:
        page = httpx.get(f"http://{group['targets'][0]}/metrics", timeout=30).raise_for_status().text
        types = re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE)
        shown[group["labels"]["role"]] = {name + part for name, kind in types for part in PARTS[kind]}
    return shown


def test_every_role_has_metrics_where_up_says(scraped):
    assert set(scraped) == {"gateway", "control", "store"}
    assert all("process_cpu_seconds_total" in names for names in scraped.values())


def test_every_name_in_dashboards_and_rules_is_scraped(scraped):
    everything = set().union(*scraped.values())
    asked = {place: set(NAME.findall(expression)) for place, expression in expressions().items()}

    assert len(asked) > 50
    assert {place: names - everything for place, names in asked.items() if names - everything} == {}


def test_every_metric_of_ours_is_on_a_dashboard_or_said_to_be_for_queries_only(scraped):
    shown = {name for expression in expressions().values() for name in NAME.findall(expression)}
    ours = {name for names in scraped.values() for name in names if name.startswith("gatewayops_")}
    of_histograms = {name for name in ours if name.endswith(("_sum", "_count"))}
    documented = set(NAME.findall((DEPLOY.parent / "docs" / "monitoring.md").read_text()))

    assert ours - of_histograms - shown - documented == set()


def test_dashboards_have_ids_of_their_own_and_every_panel_a_source():
    boards = dashboards()

    assert len({board["uid"] for board in boards}) == len(boards) == 3
    for board in boards:
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
        assert all(panel["datasource"]["uid"] == "${datasource}" for panel in board["panels"])
        assert "datasource" in {variable["name"] for variable in board["templating"]["list"]}


def test_the_public_door_does_not_lead_to_controls_metrics(installation, scraped):
    only_control = "gatewayops_recorder_stored_total"
    assert only_control in scraped["control"]
    for path in ("/metrics", "/metrics/", "//metrics", "/%6detrics", "/v1/../metrics", "/metrics?x=1"):
        assert only_control not in httpx.get(installation.url + path, timeout=30).text


@NEEDS_PROMTOOL
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("check", "rules", "alerts.yml"), id="rules"),
        pytest.param(("check", "config", "prometheus.yml"), id="configuration"),
        pytest.param(("test", "rules", "rules_test.yml"), id="which alerts come"),
    ],
)
def test_promtool_is_content(tmp_path, words):
    for path in (*(DEPLOY / "prometheus").iterdir(), Path(__file__).parent / "deploy" / "rules_test.yml"):
        shutil.copy(path, tmp_path)
    done = subprocess.run(["promtool", *words], cwd=tmp_path, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stdout + done.stderr


@NEEDS_PROMETHEUS
def test_a_real_prometheus_scrapes_all_roles_and_answers_every_expression(
    installation, targets, tmp_path, eventually
):
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["file_sd_configs"][0]["files"] = [
        str(installation.data / "run" / "prometheus.json")
    ]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    shutil.copy(ALERTS, tmp_path)
    address = f"127.0.0.1:{free_port()}"
    command = ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--web.listen-address={address}"], cwd=tmp_path, stdout=log, stderr=log
        )
    try:
        with httpx.Client(base_url=f"http://{address}/api/v1", timeout=30) as prometheus:
            _ask_everything(prometheus, eventually)
    finally:
        process.terminate()
        process.wait(30)


def _ask_everything(prometheus, eventually):
    def ask(expression):
        try:
            return prometheus.get("/query", params={"query": expression}).json()
        except (httpx.TransportError, ValueError):  # not there yet, or "Service Unavailable"
            return {"status": "starting", "data": {"result": []}}

    eventually(lambda: len(ask('up{job="gatewayops"} == 1')["data"]["result"]) == 3)
    scrapes = 'min(count_over_time(up{job="gatewayops"}[1m])) >= 3'
    eventually(lambda: ask(scrapes)["data"]["result"])
    for place, expression in expressions().items():
        answer = ask(answered(expression))
        assert answer["status"] == "success", f"{place}: {answer}"
        is_rare = place.startswith("alert ") or "reason" in expression or "errors_total" in expression
        assert answer["data"]["result"] or is_rare, f"{place} shows nothing: {expression}"
    loaded = prometheus.get("/rules").json()["data"]["groups"][0]["rules"]
    assert {rule["name"] for rule in loaded if rule["health"] == "ok"} == {rule["alert"] for rule in rules()}
