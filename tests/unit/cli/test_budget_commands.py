"""`gatewayops budget` on a data directory."""


def test_a_budget_is_made_shown_changed_overridden_and_removed(commands):
    key = commands.json("key", "create", "agent")
    made = commands.json(
        "budget", "create", "key", key["id"], "--amount", "0.01", "--period", "day", "--hard", "--name", "Ada"
    )

    assert (made["amount"], made["period"], made["hard"], made["subject"]) == (0.01, "day", True, key["id"])
    assert "$0.010000" in commands.shown("budget", "list")
    changed = commands.json("budget", "change", "Ada", "--soft", "--grace", "20", "--grace-key", key["id"])
    assert (changed["hard"], changed["grace_percent"], changed["amount"]) == (False, 20, 0.01)
    override = commands.json("budget", "override", "Ada", "--extra", "0.5", "--reason", "demo", "--for", "2h")
    assert (override["extra"], override["reason"]) == (0.5, "demo")
    shown = commands.shown("budget", "show", made["id"])
    assert "$0.510000 a day, soft" in shown
    assert "not in this period" in shown
    assert commands.json("budget", "events") == {"events": [], "cursor": None, "has_more": False}
    assert "No budget has reached a threshold." in commands.shown("budget", "events", made["id"])
    commands.shown("budget", "remove", "Ada")
    assert "No budgets" in commands.shown("budget", "list")


def test_each_kind_of_subject(commands):
    commands.json("team", "add", "red")
    commands.json("project", "add", "apollo")
    commands.json("user", "add", "ann@example.com")
    for words in (("team", "red"), ("project", "apollo"), ("user", "ann@example.com"), ("organization",)):
        made = commands.json("budget", "create", *words, "--amount", "1", "--period", "week")
        assert (made["scope"], made["hard"]) == (words[0], True)


def test_what_is_wrong_is_named(commands):
    assert "no key has the id, name or prefix nobody" in commands.refused(
        "budget", "create", "key", "nobody", "--amount", "1", "--period", "day"
    )
    assert "no budget is called nothing" in commands.refused("budget", "show", "nothing")
    assert "amount" in commands.run("budget", "create", "organization", "--period", "day").output
    for amount in ("nan", "inf"):
        words = ("budget", "create", "organization", "--amount", amount, "--period", "day")
        assert "finite" in commands.refused(*words, code=2)


def test_a_key_is_found_by_its_name_and_a_change_says_what(commands):
    key = commands.json("key", "create", "agent")
    words = ("--amount", "1", "--period", "day", "--name", "Ada", "--grace-key", "agent")
    made = commands.json("budget", "create", "key", "agent", *words)

    assert (made["subject"], made["grace_keys"]) == (key["id"], [key["id"]])
    assert "nothing to change" in commands.refused("budget", "change", "Ada", code=2)
    override = ("budget", "override", "Ada", "--extra", "1", "--reason", "demo", "--for", "soon")
    assert "--for soon" in commands.refused(*override, code=2)
