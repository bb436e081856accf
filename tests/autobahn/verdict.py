"""Counts the results of the Autobahn test suite, and fails when one is not what it should be."""

import json
import sys
from collections import Counter

GOOD = {"OK", "INFORMATIONAL"}

with open(sys.argv[1], encoding="utf-8") as report:
    [cases] = json.load(report).values()

bad = {
    name: case
    for name, case in cases.items()
    if not {case["behavior"], case["behaviorClose"]} <= GOOD
}
for name, case in bad.items():
    print(f"{name}: {case['behavior']}, farewell {case['behaviorClose']}")
counts = Counter(case["behavior"] for case in cases.values())
print(f"autobahn: {len(cases)} cases, " + ", ".join(f"{n} {kind}" for kind, n in counts.items()))
sys.exit(1 if bad or not cases else 0)
