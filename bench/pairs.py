"""Two servers in turns: what one costs in terms of the other."""

import argparse
import sys
from statistics import median, quantiles

from measure import measure
from rows import ROWS


class Pairs:
    """Runs of both in a row, who goes first in turns. `starts` has the commands of "old" and "new"."""

    def __init__(self, row, server, starts, options):
        self.row = row
        self.pairs = [self.pair(server, starts, number, options) for number in range(options.rounds)]

    def pair(self, server, starts, number, options):
        lines = {}
        for name in sorted(starts, reverse=number % 2 == 0):
            lines[name] = measure(self.row, server, starts[name], options.seconds, 0.3)
            if "error" in lines[name]:
                sys.exit(f"{self.row.key}, {name}: {lines[name]['error']}")
        return lines

    def middle(self, name, figure="cost"):
        return median(self.row.figure(pair[name], figure) for pair in self.pairs)

    def quartiles(self, figure):
        return quantiles([self.row.figure(pair["new"], figure) / self.row.figure(pair["old"], figure) for pair in self.pairs], n=4)

    def ratio(self):
        return self.quartiles("cost")[1]

    def text(self, figure="cost"):
        """The median of the ratios, and their quartiles."""
        low, middle, high = self.quartiles(figure)
        return f"{middle:.3f} ({low:.3f}–{high:.3f})"


def arguments(doc, keys, rounds):
    """The options that all comparisons in pairs have."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=rows, default=rows(",".join(keys)), help="of: " + " ".join(row.key for row in ROWS))
    parser.add_argument("--rounds", type=at_least_two, default=rounds, help=f"pairs of each row, at least 2 ({rounds})")
    parser.add_argument("--seconds", type=float, default=0.6, help="of each run (0.6)")
    return parser


def rows(keys):
    found = {row.key: row for row in ROWS}
    try:
        return [found[key] for key in keys.split(",")]
    except KeyError as error:
        raise argparse.ArgumentTypeError(f"unknown: {error}")


def at_least_two(text):
    if int(text) < 2:
        raise argparse.ArgumentTypeError("quartiles need two rounds")
    return int(text)
