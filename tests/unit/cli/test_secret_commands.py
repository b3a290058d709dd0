"""`gatewayops secrets` on a data directory."""


def test_keys_are_rotated_with_progress_shown(commands):
    commands.shown(
        "server", "add", "github", "--url", "https://93.184.215.14/mcp", "--header", "Authorization: Bearer x"
    )
    assert commands.json("secrets", "status")["versions"] == [{"version": "local:1", "data_keys": 1}]

    done = commands.run("secrets", "rotate", "--data-keys")

    assert done.exit_code == 0
    assert "local:2" in done.stdout
    assert "data keys 1 of 1, sealed values 0 of 1" in done.stderr
    assert "data keys 1 of 1, sealed values 1 of 1" in done.stderr
    assert "local:2" in commands.shown("secrets", "status")
    assert commands.json("secrets", "rotate")["master_key"] == "local:3"


def test_a_provider_without_its_setting_stops_the_command(commands):
    commands.data.mkdir(exist_ok=True)
    commands.data.joinpath("gatewayops.toml").write_text('[secrets]\nprovider = "vault"\n')

    assert "secrets.vault_url" in commands.refused("secrets", "status", code=2)


def test_a_vault_token_is_not_shown_among_the_settings(commands):
    commands.data.mkdir(exist_ok=True)
    commands.data.joinpath("gatewayops.toml").write_text('[secrets]\nvault_token = "tok-4711"\n')

    assert "4711" not in commands.shown("settings")
