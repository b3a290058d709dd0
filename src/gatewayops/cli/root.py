"""The root command. Nouns are imported when they are asked for, so that `--help` and roles start at once."""

import importlib
import sys
from typing import Any

import click

import gatewayops
from gatewayops.base.errors import GatewayOpsError, InvalidInput

# name: (module below gatewayops.cli, attribute, what --help says, is hidden)
_COMMANDS = {
    "up": ("roles", "up", "Run everything on this machine.", False),
    "server": ("servers", "server", "MCP servers behind the gateway.", False),
    "tool": ("tools", "tool", "Tools of servers: what is approved, what changed.", False),
    "key": ("keys", "key", "API keys.", False),
    "role": ("access", "role", "Roles, and who holds them.", False),
    "policy": ("policies", "policy", "What is allowed or denied besides roles, and why.", False),
    "trace": ("traces", "trace", "What was called.", False),
    "run": ("runs", "run", "What agents did in one go.", False),
    "log": ("logs", "log", "What servers and clients logged.", False),
    "metrics": ("metrics", "metrics", "How much, how fast, how well.", False),
    "cost": ("costs", "cost", "What it cost.", False),
    "analytics": ("analytics", "analytics", "Who uses the tools, and how.", False),
    "price": ("prices", "price", "What calls cost, by server and tool.", False),
    "export": ("exports", "export", "Where calls go as OpenTelemetry spans.", False),
    "masking": ("masking", "masking", "What is taken out of records before they are written.", False),
    "budget": ("budgets", "budget", "How much may be spent, by whom.", False),
    "limit": ("limits", "limit", "How often keys, users, teams and servers may be called.", False),
    "validation": ("validation", "validation", "What the arguments of calls must be like.", False),
    "transform": ("validation", "transform", "How calls are changed on their way.", False),
    "retention": ("retention", "retention", "How long calls are kept.", False),
    "alert": ("alerts", "alert", "When somebody is told, of what, and who was.", False),
    "secrets": ("secrets", "secrets", "The keys that seal credentials.", False),
    "audit": ("audit", "audit", "The log of who did what, and its proof.", False),
    "organization": ("directory", "organization", "The organisation's own settings.", False),
    "team": ("directory", "team", "Teams, a tree.", False),
    "project": ("directory", "project", "Projects.", False),
    "user": ("directory", "user", "People.", False),
    "session": ("sessions", "session", "Where people are signed in.", False),
    "sso": ("sso", "sso", "Identity providers at which they sign in.", False),
    "end-user": ("end_users", "end_user", "People who sign in to your MCP servers.", False),
    "sign-in": ("sign_in_providers", "sign_in", "Where they sign in: Google, GitHub, any OIDC.", False),
    "issuer": ("issuers", "issuer", "Identity providers that vouch for them.", False),
    "client": ("clients", "client", "Apps through which they do.", False),
    "branding": ("branding", "branding", "How the pages look on which they do.", False),
    "connection": ("connections", "connection", "Users' own accounts at MCP servers.", False),
    "settings": (
        "settings_reference",
        "settings",
        "Every setting, its value and where it comes from.",
        False,
    ),
    "gateway": ("roles", "gateway", "Run the data plane alone.", False),
    "control": ("roles", "control", "Run the API and the recorder alone.", False),
    "store": ("roles", "store", "Run the embedded telemetry store alone.", False),
    "demo": ("demo", "demo", "Demo data: a month of an invented company's calls.", False),
    "demo-server": ("roles", "demo_server", "Run the demo MCP server alone.", True),
}


class _Nouns(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"gatewayops.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, text) for name, (_, _, text, is_hidden) in _COMMANDS.items() if not is_hidden]
            )

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click declares it
        try:
            return super().invoke(ctx)
        except InvalidInput as error:
            raise WrongUsage(error.detail) from error
        except GatewayOpsError as error:
            raise Refusal(error.detail) from error
        except UnicodeError as error:
            msg = f"what was given is not UTF-8 text: {error}"
            raise WrongUsage(msg) from error


class Refusal(click.ClickException):
    """A clear line on standard error, and exit code 1. The message says what to do."""


class WrongUsage(Refusal):
    """The command line or a setting is wrong."""

    exit_code = 2


@click.group(cls=_Nouns, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(gatewayops.__version__, prog_name="gatewayops", message="%(prog)s %(version)s")
def root() -> None:
    """GatewayOps, the control plane for MCP.

    Commands work on a data directory of this machine (--data DIR, else $GATEWAYOPS_DATA_DIR, else
    ./.gatewayops), or on an installation elsewhere (--url URL with --key KEY or $GATEWAYOPS_KEY).
    """


def main() -> None:
    """The console script."""
    try:
        root()
    except BrokenPipeError:
        sys.exit(1)
