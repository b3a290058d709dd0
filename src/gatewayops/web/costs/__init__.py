"""What calls cost: a period by day and by whom, the dearest, exports, and what lists of tools cost."""

from gatewayops.web.costs import page, tool_lists

SHOWN = (("/costs/tool-lists", tool_lists.show), ("/costs", page.show))
