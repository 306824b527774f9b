"""The chart of the README: requests/s of each server, for each workload, as SVG."""

from collections.abc import Iterator
from html import escape

from tests.benchmark.report import number, origin
from tests.benchmark.result import Document

LABEL, BAR, NOTE = 270, 330, 300
HEIGHT, STEP = 16, 21
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.head { font-weight: 600 }
.small { font-size: 9px }
.other { fill: #8c959f }
.ours { fill: #0969da }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .other { fill: #6e7681 }
  .ours { fill: #4493f8 }
}
"""


def text(x: float, y: float, content: str, attributes: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" {attributes}>{escape(content)}</text>'


def note(rate: float, ratios: Document, name: str) -> str:
    """What stands behind the bar: `1,234/s = 2.1 B = 0.2 L`."""
    of_it = {key.split("/")[1]: each for key, each in ratios.items() if key.startswith(f"{name}/")}
    equal = (f"{number(each['median'])} {other}" for other, each in of_it.items())
    return " = ".join([f"{number(rate)}/s", *equal])


def bars(document: Document, workload: str, top: float) -> Iterator[str]:
    setting = document["settings"][0]
    rates = {
        name: figures[workload]["requests_per_s"]["median"]
        for name, figures in setting["variants"].items()
        if workload in figures
    }
    yield text(0, top + HEIGHT - 4, document["workloads"][workload], 'class="head"')
    for place, (name, rate) in enumerate(rates.items(), 1):
        y, length = top + place * STEP, BAR * rate / max(rates.values())
        kind = "ours" if name.startswith("S") else "other"
        yield text(0, y + HEIGHT - 4, f"{name}: {document['variants'][name]}")
        yield f'<rect x="{LABEL}" y="{y}" width="{length:.1f}" height="{HEIGHT}" class="{kind}"/>'
        behind = note(rate, setting["ratios"][workload], name)
        yield text(LABEL + length + 6, y + HEIGHT - 4, behind)


def draw(document: Document) -> str:
    tall = (len(document["variants"]) + 2) * STEP
    bottom = tall * len(document["workloads"])
    parts = [
        part
        for place, workload in enumerate(document["workloads"])
        for part in bars(document, workload, place * tall)
    ]
    for place, line in enumerate(origin(document), 1):
        parts.append(text(0, bottom + place * STEP - 8, line, 'class="small"'))
    size = f"0 0 {LABEL + BAR + NOTE} {bottom + 3 * STEP}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" role="img">'
    title = "<title>Requests per second</title>"
    return "\n".join([head, title, f"<style>{STYLE}</style>", *parts, "</svg>", ""])
