"""
C{/}: a page of links for whoever opens the address in a browser.
"""

from __future__ import annotations

from siprec_tw.admin.ask import Ask
from siprec_tw.admin.reply import Answer, Reply

LINKS = (
    ("/api/v1/calls", "Running calls"),
    ("/api/v1/recordings", "Recordings"),
    ("/health/live", "Is it alive?"),
    ("/health/ready", "Does it take calls?"),
    ("/metrics", "Metrics"),
)

PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>siprec_tw</title></head>
<body>
<h1>siprec_tw</h1>
<p>A SIPREC session recording server.</p>
<ul>
{items}
</ul>
</body>
</html>
"""


async def front_page(ask: Ask) -> Answer:
    """
    HTML without anything from elsewhere.
    """
    items = "\n".join(f'<li><a href="{path}">{text}</a> <code>{path}</code></li>' for path, text in LINKS)
    return Reply(200, PAGE.format(items=items).encode(), "text/html; charset=utf-8")
