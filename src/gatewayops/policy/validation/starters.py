r"""Deny patterns to start from, RE2 syntax, one set a kind of attack; off until somebody turns them on.

They match texts as decoded (`\u0027` is a quote by then). They are tripwires, not proofs: what a tool does
with its arguments only the tool can make safe. Each needs a character that is no ASCII letter or digit.
"""

_VALUE = r"""\(*\s*(?:not\s+)?(?:'[^']*'|"[^"]*"|\w+)\s*\)*\s*"""
_BLANK = r"(?:\s|/\*.*?\*/|\()+"
_SQL = (
    # ' OR '1'='1
    rf"""(?is)['"`)]\s*(?:or|and|\|\||&&)\s*{_VALUE}(?:=|<|>|!=|\blike\b|\bin\b|\bis\b)""",
    r"(?is)\b(?:or|and)\s+(?:\d+\s*=\s*\d+|'[^']*'\s*=\s*'|true\b\s*(?:--|#|/\*))",
    rf"(?is)\bunion\b{_BLANK}(?:(?:all|distinct)\b{_BLANK})?select\b",
    r"(?is);\s*(?:drop|truncate|alter|create)\s+(?:table|database|schema|user|view)\b",
    r"(?is);\s*(?:delete\s+from\b|insert\s+into\b|update\s+\S+\s+set\b|exec(?:ute)?\s)",
    r"""(?s)['"]\s*\)*\s*(?:;\s*)?(?:--(?:\s|$)|#\s*$|/\*)""",
    r"""(?i)\b(?:pg_sleep|sleep|benchmark|dbms_lock\.sleep)\s*\(\s*['"\d]|\bwaitfor\s+delay\b""",
    r"(?i)\bxp_cmdshell\b|\binto\s+(?:out|dump)file\b|\binformation_schema\s*\.|\bload_file\s*\(",
)

_PROGRAM = (
    r"(?:rm|cat|curl|wget|nc|ncat|(?:ba|z|da|k)?sh|python[0-9.]*|perl|ruby|node|php|chmod|chown|kill|dd|mkfs|ssh"
    r"|scp|telnet|whoami|id|uname|env|printenv|nslookup|ping|powershell|cmd(?:\.exe)?)"
)
_COMMAND = (
    rf"(?i)(?:[;&|`\n]|\$\()\s*(?:sudo\s+)?(?:/\w+(?:/\w+)*/)?{_PROGRAM}(?:\s|$|[;&|`)])",
    r"(?i)\$\{?IFS\b|/dev/(?:tcp|udp)/|\bbase64\s+(?:-d|--decode)\b.{0,40}\|",
    r"(?i)(?:^|[\s;|&(`])(?:/usr)?/bin/(?:ba|z|da|k)?sh\b",
    r"(?i)\b(?:ba|z|da)?sh\s+-i?c\s|\bpowershell(?:\.exe)?\s+-(?:e|enc|encodedcommand|c|command)\b",
)

_DOTS = r"(?:\.|%(?:25)*2e|%c0%ae){2}"
_SLASH = r"(?:[/\\]|%(?:25)*(?:2f|5c)|%c0%af)"
_PATH = (
    rf"(?i){_DOTS}{_SLASH}",
    rf"(?i){_SLASH}{_DOTS}$|^\.\.$",
    r"(?i)/etc/(?:passwd|shadow|sudoers)\b|/proc/(?:self|\d+)/|\bfile:/",
    r"(?i)[/\\]\.ssh[/\\]|\\windows\\system32",
    r"\x00|%(?:25)*00",
)

_BEFORE = r"(?:previous|prior|above|earlier|preceding|all|any|your|the)"
_ORDERS = r"(?:instructions?|prompts?|rules|guidelines|directives?|safeguards)"
_FREED = r"(?:DAN|unrestricted|unfiltered|jailbroken|developer mode|bound by|restricted)"
_HIDDEN = r"(?:system prompt|your (?:instructions|prompt)|initial prompt|hidden instructions)"
_TELL = r"(?:tell|inform|mention|telling|informing|asking|alert)"
_PROMPT = (
    rf"(?is)\b(?:ignore|disregard|forget|override|bypass)\b.{{0,40}}\b{_BEFORE}\b.{{0,40}}\b{_ORDERS}\b",
    r"(?i)<\|?/?(?:im_start|im_end|im_sep|endoftext|system|assistant)\|?>|\[/?INST\]|<</?SYS>>",
    rf"(?is)\byou are (?:now|no longer)\b.{{0,60}}\b{_FREED}\b",
    rf"(?is)\b(?:reveal|print|show|repeat|output|leak)\b.{{0,30}}\b{_HIDDEN}\b",
    rf"(?is)\b(?:do not|don't|never|without)\b.{{0,20}}\b{_TELL}\b.{{0,30}}\buser\b",
    r"(?im)^\s*(?:new|updated|important)\s+(?:system\s+)?instructions?\s*:",
)

STARTERS: dict[str, tuple[str, ...]] = {
    "sql_injection": _SQL,
    "command_injection": _COMMAND,
    "path_traversal": _PATH,
    "prompt_injection": _PROMPT,
}
