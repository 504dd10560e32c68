"""
C{/style.css}: how the pages look. A file of its own, so that the pages need allow no style within them.
"""

from __future__ import annotations

from siprec_tw.admin.ask import Ask
from siprec_tw.admin.reply import Answer, Reply

PATH = "/style.css"

STYLE = """\
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #8886; }
th { font-weight: 600; }
td.time, td.number { white-space: nowrap; }
td.parties { overflow-wrap: anywhere; }
audio { width: 17rem; height: 2.2rem; display: block; }
.quiet { color: #777; }
.good { color: #2a7d3c; }
.bad { color: #b3541e; font-weight: 600; }
ul.links { list-style: none; padding: 0; }
"""


async def style_sheet(ask: Ask) -> Answer:
    """
    The style, open to everybody.
    """
    return Reply(200, STYLE.encode(), "text/css; charset=utf-8")
