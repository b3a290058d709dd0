"""`gatewayops export` on a data directory."""

from click.testing import CliRunner

from gatewayops.cli.root import root


def test_a_destination_is_added_changed_listed_and_removed(commands):
    made = commands.json("export", "add", "here", "--endpoint", "http://127.0.0.1:9", "--private")["export"]
    assert (made["protocol"], made["gzip"], made["with_payloads"]) == ("http/protobuf", True, False)
    words = ("--protocol", "grpc", "--server", "files", "--sample", "0.5", "--no-gzip", "--off")
    changed = commands.json("export", "set", "here", *words)["export"]
    assert (changed["protocol"], changed["servers"], changed["sample_ratio"]) == ("grpc", ["files"], 0.5)
    assert (changed["gzip"], changed["enabled"]) == (False, False)
    commands.shown("export", "set", "here", "--all-servers", "--on")
    shown = commands.shown("export", "show", "here")
    assert "grpc" in shown
    assert "http://127.0.0.1:9" in commands.shown("export", "list")
    commands.shown("export", "remove", "here")
    assert "no export" in commands.refused("export", "show", "here")


def test_headers_are_asked_for_and_never_shown(commands):
    words = ["export", "add", "comb", "--preset", "honeycomb", "--ask-api-key", "--data", str(commands.data)]
    done = CliRunner().invoke(root, words, input="very-secret\n")
    assert done.exit_code == 0, done.output
    assert "very-secret" not in done.output + commands.shown("export", "show", "comb")
    refused = commands.refused("export", "set", "comb", "--endpoint", "https://1.1.1.1")
    assert "headers: give them again" in refused


def test_what_makes_no_destination_is_refused_by_the_option_s_name(commands):
    add = ("export", "add", "here", "--endpoint")
    assert "endpoint: begins with http" in commands.refused(*add, "ftp://1.1.1.1")
    assert "allow_private_network" in commands.refused(*add, "http://127.0.0.1:9")
    commands.shown(*add, "http://127.0.0.1:9", "--allow-private-network")
    assert "nothing to change" in commands.refused("export", "set", "here", code=2)
    both = ("--server", "files", "--all-servers")
    assert "not both" in commands.refused("export", "set", "here", *both, code=2)
