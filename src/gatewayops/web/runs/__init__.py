"""Runs: what agents did in one go, step by step, and two of them side by side."""

from gatewayops.web.runs import comparison, detail, listing

SHOWN = (("/runs", listing.show), ("/runs/compare", comparison.show), ("/runs/{run_id}", detail.show))
