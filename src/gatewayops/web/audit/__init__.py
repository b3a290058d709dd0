"""The audit log: who did what, its proof, and what people take away of it."""

from gatewayops.web.audit.entries import show
from gatewayops.web.audit.export import download
from gatewayops.web.audit.proof import show as show_proof
from gatewayops.web.audit.proof import sign, verify

SHOWN = (("/audit", show), ("/audit/proof", show_proof))
CHANGES = (
    ("/audit/proof/verify", verify),
    ("/audit/proof/sign", sign),
    ("/audit/export", download),
)
