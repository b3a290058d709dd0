"""The one script of our pages: a button asks the browser for a passkey, and the form takes the answer along.

Run by a real JavaScript engine, between a page and a browser of which only what it touches is there.
"""

import json
import subprocess
from typing import Any

from gatewayops.api import factor_pages
from gatewayops.testing.node_peers import _node_home

PAGE = """
const [source, kind, refuses] = process.argv.slice(1);
const seen = {};
const form = {
  elements: { passkey: { value: "" } },
  error: { textContent: "from before" },
  sent: false,
  querySelector: (what) => (what === ".error" ? form.error : null),
  reportValidity: () => true,
  submit: () => { form.sent = true; },
};
let click;
const button = {
  form,
  dataset: { passkey: kind, options: '{"challenge":"AA"}' },
  addEventListener: (what, does) => { click = what === "click" ? does : click; },
};
const asked = (how) => async (given) => {
  seen[how] = given.publicKey;
  if (refuses) throw Object.assign(new Error("no"), { name: "NotAllowedError" });
  return { toJSON: () => ({ id: "made" }) };
};
require("vm").runInNewContext(source, {
  document: { querySelectorAll: (what) => (what === "button[data-passkey]" ? [button] : []) },
  navigator: { credentials: { create: asked("create"), get: asked("get") } },
  PublicKeyCredential: {
    parseCreationOptionsFromJSON: (options) => ({ toCreate: options }),
    parseRequestOptionsFromJSON: (options) => ({ toGet: options }),
  },
});
click().then(() => console.log(JSON.stringify({
  seen, sent: form.sent, passkey: form.elements.passkey.value, error: form.error.textContent,
})));
"""


def clicked(kind: str, refuses: str = "") -> dict[str, Any]:
    """What a click on the button leads to."""
    command = [str(_node_home() / "bin" / "node"), "-e", PAGE, factor_pages._SOURCE, kind, refuses]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_click_asks_the_browser_and_sends_what_it_made() -> None:
    made = clicked("create")
    assert made["seen"] == {"create": {"toCreate": {"challenge": "AA"}}}
    assert (json.loads(made["passkey"]), made["sent"], made["error"]) == ({"id": "made"}, True, "")
    assert clicked("get")["seen"] == {"get": {"toGet": {"challenge": "AA"}}}


def test_who_says_no_is_told_and_nothing_is_sent() -> None:
    refused = clicked("get", "refuses")
    assert (refused["sent"], refused["passkey"]) == (False, "")
    assert "NotAllowedError" in refused["error"]
