#!/usr/bin/env python3
"""Turns the raw lines of bench/run into tables: report.py RAW OUT"""

import json
import sys
from collections import defaultdict
from statistics import median

from rows import FLOORS, OURS, ROWS, SERVERS

# The servers of the first table.
SHORT = {
    "ours": "**tokio**",
    "ours-smol": "**smol**",
    "ours-async-std": "**async-std**",
    "ours-threads": "**threads**",
    "tokio": "tokio floor",
    "socketioxide": "socketioxide",
    "bun": "socket.io (Bun)",
    "eiows": "socket.io (eiows)",
    "node": "socket.io (Node)",
    "python": "python-socketio",
}

# The share of a run's time that a server or the load may wait for its core, asked of servers that have
# one thread: others wait for themselves.
DISTURBED = 0.03
ONE_THREAD = FLOORS + ("ours", "socketioxide", "socketioxide-sys")


def main():
    meta, runs = read(sys.argv[1])
    sections = [head(meta, runs), goals(runs), summary(runs)]
    sections += [table(row, runs) for row in ROWS if any(key == row.key for key, _ in runs)]
    with open(sys.argv[2], "w") as out:
        out.write("\n\n".join(filter(None, sections)) + "\n")


def read(path):
    """The first line, and the lines of every (row, server) in the order of rounds."""
    lines = [json.loads(line) for line in open(path)]
    runs = defaultdict(list)
    for line in lines[1:]:
        runs[line["row"], line["server"]].append(line)
    return lines[0]["meta"], runs


def costs(row, server, runs, name="cost"):
    """Round -> a figure of the runs that succeeded."""
    return {line["round"]: row.figure(line, name) for line in runs.get((row.key, server), []) if "error" not in line}


def ratio(row, server, base, runs):
    """The median over rounds of what one costs in terms of another in the same round."""
    return paired(costs(row, server, runs), costs(row, base, runs))


def paired(ours, theirs):
    """The median of ratios of the same round."""
    both = [ours[number] / theirs[number] for number in ours if theirs.get(number)]
    return median(both) if both else None


def figure(value, unit="us"):
    if value is None:
        return "–"
    if unit == "bytes" or value >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def times(value):
    return "–" if value is None else f"{value:.2f}×"


def head(meta, runs):
    lines = [
        "# Results",
        "What is measured and how to read it: [README.md](README.md). Written by `bench/run`; not edited by hand.",
        f"    {meta['command']}",
        f"{meta['rounds']} {'round' if meta['rounds'] == 1 else 'rounds'} of {meta['seconds']:g} s, {meta['date']}, revision {meta['revision'] or 'unknown'}, "
        f"{meta['machine']}, {meta['versions']}. Load average at the start: {meta['load_average']:.1f}.",
        "CPU µs per message are what the server's process spent in user and system time for one message, or, in the rows of a broadcast, "
        "for one delivery: median (min–max) over the rounds. Ratios are medians over runs of the same round. Lower is better. "
        "**Bold** columns are the bindings of Sansocket.",
    ]
    measured = [line for all in runs.values() for line in all if "wait_share" in line and not shares_cores(line) and line["server"] in ONE_THREAD]
    shared = [line for line in measured if max(line["wait_share"], line["load_wait_share"]) > DISTURBED]
    lines.append(
        f"Something else wanted the core of the server or of the load for more than {DISTURBED:.0%} of the time in {len(shared)} of {len(measured)} pinned runs of servers with one thread"
        + (": measure again on a quiet machine." if len(shared) > len(measured) / 10 else ".")
    )
    if meta["skipped"]:
        lines.append("Left out: " + "; ".join(f"{server} ({reason})" for server, reason in meta["skipped"].items()) + ".")
    return "\n\n".join(lines)


def shares_cores(line):
    """Whether server and load share the cores on purpose."""
    return not by_key(line["row"]).pinned


def summary(runs):
    present = [server for server in SHORT if any(server == s for _, s in runs)]
    lines = ["## CPU µs per message", "", "| scenario | " + " | ".join(SHORT[s] for s in present) + " | tokio ÷ floor | tokio ÷ socketioxide |"]
    lines.append("|---|" + "---:|" * (len(present) + 2))
    for row in ROWS:
        if not any(key == row.key for key, _ in runs):
            continue
        cells = []
        for server in present:
            values = costs(row, server, runs).values()
            failed = not values and (row.key, server) in runs
            cells.append("failed" if failed else figure(median(values) if values else None, row.unit))
        cells += [times(ratio(row, "ours", base, runs)) for base in ("tokio", "socketioxide")]
        lines.append(f"| {row.title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def goals(runs):
    """What every goal asks for and what came of it, a line for each row."""
    verdicts = {(row.key, server): [verdict(row, goal, runs) for goal in row.goals if goal.server == server] for row in ROWS for server in OURS}
    all = [found for several in verdicts.values() for found in several if found]
    if not all:
        return ""
    reached = sum(found.startswith("✓") for found in all)
    lines = [
        "## Goals",
        "",
        f"{reached} of {len(all)} are reached. A figure is the median of ratios of the same round: to the tokio floor, unless another base is named.",
        "",
        "| scenario | " + " | ".join(SHORT[server] for server in OURS) + " |",
        "|---|" + "---|" * len(OURS),
    ]
    for row in ROWS:
        cells = ["<br>".join(filter(None, verdicts[row.key, server])) for server in OURS]
        if any(cells):
            lines.append(f"| {row.title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def verdict(row, goal, runs):
    """Whether a goal is reached; empty when nothing was measured."""
    mine = costs(row, goal.server, runs, goal.figure)
    if goal.base:
        value = paired(mine, costs(by_key(goal.row or row.key), goal.base, runs, goal.figure))
    else:
        value = median(mine.values()) if mine else None
    if value is None:
        return ""
    shown = (lambda x: f"{x:.2f}") if goal.base else (lambda x: figure(x, row.unit))
    mark, than = ("✓", "≤") if value <= goal.most else ("✗", ">")
    what = {"p99": "p99 ", "wall": "time "}.get(goal.figure, "")
    base = {"": " bytes", "tokio": "", goal.server: " × one thread"}.get(goal.base, f" × {SHORT.get(goal.base, '').strip('*')}")
    return f"{mark} {what}{shown(value)} {than} {shown(goal.most)}{base}"


def by_key(key):
    return next(row for row in ROWS if row.key == key)


def table(row, runs):
    lines = [f"## {row.title}", ""]
    present = [server for server in SERVERS if (row.key, server) in runs]
    columns = idle_cells if row.unit == "bytes" else load_cells
    names, _ = columns(row, None, runs)
    lines += ["| server | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for server in present:
        good = [line for line in runs[row.key, server] if "error" not in line]
        bad = [line["error"] for line in runs[row.key, server] if "error" in line]
        if good:
            lines.append(f"| {SERVERS[server]} | " + " | ".join(columns(row, server, runs)[1]) + " |")
        if bad:
            lines.append(f"| {SERVERS[server]} | failed {len(bad)} of {len(bad) + len(good)}: {one_line(bad[0])} |" + " |" * (len(names) - 1))
    return "\n".join(lines)


def one_line(text):
    return " ".join(text.removeprefix("load: ").replace("|", "\\|").split())[:200]


def load_cells(row, server, runs):
    names = ["CPU µs per message", "÷ socketioxide", "÷ tokio floor", "messages/s", "p50 µs", "p99 µs", "p99.9 µs", "calls per message", "server busy", "server kept waiting", "load busy"]
    if server is None:
        return names, []
    lines = [line for line in runs[row.key, server] if "error" not in line]
    middle = lambda name: median(line[name] for line in lines)
    calls = [line["syscalls_per_message"] for line in lines if line["syscalls_per_message"] is not None]
    return names, [
        spread(row, server, runs),
        times(ratio(row, server, "socketioxide", runs)),
        times(ratio(row, server, "tokio", runs)),
        figure(middle("per_second")),
        figure(middle("p50_us")),
        spread_of([line["p99_us"] for line in lines]),
        figure(middle("p999_us")),
        figure(median(calls) if calls else None),
        f"{middle('cpu_share'):.0%}",
        f"{middle('wait_share'):.0%}",
        f"{middle('load_cpu_share'):.0%}",
    ]


def idle_cells(row, server, runs):
    names = ["connections", "bytes for each", "÷ socketioxide", "÷ tokio floor", "in a burst", "after the burst", "empty server KiB", "after all closed KiB", "after as many again KiB"]
    if server is None:
        return names, []
    lines = [line for line in runs[row.key, server] if "error" not in line]
    middle = lambda name: figure(median(line[name] for line in lines) if name in lines[0] else None, "bytes")
    rest = ["burst_bytes_per_connection", "after_burst_bytes_per_connection", "empty_rss_kib", "closed_rss_kib", "closed_again_rss_kib"]
    ratios = [times(ratio(row, server, base, runs)) for base in ("socketioxide", "tokio")]
    return names, [middle("connections"), spread(row, server, runs)] + ratios + [middle(name) for name in rest]


def spread(row, server, runs):
    return spread_of(costs(row, server, runs).values(), row.unit)


def spread_of(values, unit="us"):
    low, high = figure(min(values), unit), figure(max(values), unit)
    middle = figure(median(values), unit)
    return middle if low == high else f"{middle} ({low}–{high})"


if __name__ == "__main__":
    main()
