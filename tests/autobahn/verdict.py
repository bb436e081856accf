"""Counts the results of the Autobahn test suite, and fails when one is not what it should be, or is missing."""

import json
import sys
from collections import Counter

GOOD = {"OK", "INFORMATIONAL"}

# Cases of each group in version 25.10.1. The groups 12 and 13 are about a compression we do not offer.
CASES = {"1": 16, "2": 11, "3": 7, "4": 10, "5": 20, "6": 145, "7": 37, "9": 54, "10": 1}

with open(sys.argv[1], encoding="utf-8") as report:
    [cases] = json.load(report).values()

bad = {
    name: case
    for name, case in cases.items()
    if not {case["behavior"], case["behaviorClose"]} <= GOOD
}
for name, case in bad.items():
    print(f"{name}: {case['behavior']}, farewell {case['behaviorClose']}")


def told(counts):
    return ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items(), reverse=True))


complete = True
for group, due in CASES.items():
    kinds = [case["behavior"] for name, case in cases.items() if name.split(".")[0] == group]
    print(f"  {group:>2}: {told(Counter(kinds))}")
    if len(kinds) != due:
        print(f"  {group:>2}: {due} cases were expected")
        complete = False
counts = Counter(case["behavior"] for case in cases.values())
print(f"autobahn: {len(cases)} cases, {told(counts)}")
sys.exit(1 if bad or not complete else 0)
