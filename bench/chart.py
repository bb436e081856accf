#!/usr/bin/env python3
"""Draws the main rows of the raw lines of bench/run: chart.py RAW OUT"""

import math
import sys
from html import escape
from statistics import median

from report import costs, figure, ratio, read
from rows import ROWS

# server -> name, colour, radius; drawn in this order, the last on top.
MARKS = {
    "python": ("python-socketio", "#c9a227", 5),
    "node": ("socket.io on Node", "#4d9a57", 5),
    "socketioxide": ("socketioxide", "#8b6fc9", 6),
    "tokio": ("tokio floor: echoes bytes, no protocol", "#8a94a0", 6),
    "ours": ("Sansocket on tokio", "#d9482b", 7.5),
}
WIDTH, LEFT, RIGHT, STEP, TOP = 960, 318, 200, 34, 96
FONT = "font-family=\"-apple-system,'Segoe UI',Helvetica,Arial,sans-serif\""


def main():
    meta, runs = read(sys.argv[1])
    panels = [
        ("CPU µs per message (logarithmic)", [row for row in ROWS if row.main and row.unit == "us"]),
        ("Bytes of memory per idle connection (logarithmic)", [row for row in ROWS if row.main and row.unit == "bytes"]),
    ]
    shapes, y = [], TOP
    for title, rows in panels:
        rows = [row for row in rows if medians(row, runs).get("ours")]
        if rows:
            y = panel(shapes, title, rows, runs, y) + 62
    height = y + 4
    title = text(24, 34, "Cost of a message: less is better", 20, "#1c2430", weight=600)
    note = f"One server thread on one core; median of {meta['rounds']} {'round' if meta['rounds'] == 1 else 'rounds'}. {meta['machine'].split(', Linux')[0]}."
    with open(sys.argv[2], "w") as out:
        out.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-label="Cost of a message, lower is better" {FONT}>\n')
        out.write(f'<rect width="{WIDTH}" height="{height}" rx="10" fill="#ffffff" stroke="#e2e6ea"/>\n')
        out.write("\n".join([title, *legend(runs), *shapes, text(24, height - 16, note, 12, "#6b7683")]) + "\n</svg>\n")


def medians(row, runs):
    found = {server: costs(row, server, runs).values() for server in MARKS}
    return {server: median(values) for server, values in found.items() if values}


def panel(shapes, title, rows, runs, top):
    """Draws one axis with its rows and returns where it ends."""
    values = [value for row in rows for value in medians(row, runs).values()]
    low = math.floor(math.log10(min(values) * 0.9))
    high = math.ceil(math.log10(max(values) * 1.02))
    span = WIDTH - LEFT - RIGHT
    place = lambda value: LEFT + (math.log10(value) - low) / (high - low) * span
    bottom = top + STEP * len(rows)
    shapes.append(text(LEFT, top - 8, title, 12, "#6b7683"))
    shapes.append(text(WIDTH - 188, top - 8, "ours", 12, MARKS["ours"][1]))
    shapes.append(text(WIDTH - 24, top - 8, "÷ socketioxide · ÷ floor", 12, "#6b7683", "end"))
    for power in range(low, high + 1):
        for factor in (1, 2, 5) if power < high else (1,):
            x, value = place(factor * 10**power), factor * 10**power
            shapes.append(f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="{"#dfe4e9" if factor == 1 else "#f1f3f5"}"/>')
            shapes.append(text(x, bottom + 17, f"{value:g}" if value < 1e4 else f"{value / 1000:g}k", 11, "#6b7683", "middle"))
    for index, row in enumerate(rows):
        draw_row(shapes, row, medians(row, runs), runs, top + STEP * index + STEP / 2, place)
    return bottom


def draw_row(shapes, row, found, runs, y, place):
    shapes.append(text(LEFT - 14, y + 4, row.title.replace(", bytes of memory per connection", ""), 12.5, "#1c2430", "end"))
    ends = place(min(found.values())), place(max(found.values()))
    shapes.append(f'<line x1="{ends[0]:.1f}" y1="{y}" x2="{ends[1]:.1f}" y2="{y}" stroke="#cfd6dd" stroke-width="1.5"/>')
    for server, (name, colour, radius) in MARKS.items():
        if server in found:
            shown = figure(found[server], row.unit)
            shapes.append(
                f'<circle cx="{place(found[server]):.1f}" cy="{y}" r="{radius}" fill="{colour}" stroke="#ffffff" stroke-width="1.5">'
                f"<title>{escape(name)}: {shown}</title></circle>"
            )
    ratios = [ratio(row, "ours", base, runs) for base in ("socketioxide", "tokio")]
    shown = " · ".join("–" if value is None else f"{value:.2f}×" for value in ratios)
    shapes.append(text(WIDTH - 24, y + 4, shown, 12, "#4a5562", "end"))
    shapes.append(text(WIDTH - 188, y + 4, figure(found["ours"], row.unit), 13, MARKS["ours"][1], "start", 600))


def legend(runs):
    present = [server for server in reversed(MARKS) if any(server == s for _, s in runs)]
    shapes, x = [], 30
    for server in present:
        name, colour, radius = MARKS[server]
        shapes.append(f'<circle cx="{x}" cy="56" r="{radius}" fill="{colour}"/>')
        shapes.append(text(x + 12, 60, name, 13, "#1c2430"))
        x += 46 + 6.2 * len(name)
    return shapes


def text(x, y, words, size, colour, anchor="start", weight=400):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" font-weight="{weight}">{escape(words)}</text>'


if __name__ == "__main__":
    main()
