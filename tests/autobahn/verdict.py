"""Counts the results of the Autobahn test suite, and fails when one is not what it should be, or is missing."""

import json
import sys
from collections import Counter

GOOD = {"OK", "INFORMATIONAL"}

# Cases of each group in version 25.10.1, and the part of the groups about compression that is run by default.
CASES = {"1": 16, "2": 11, "3": 7, "4": 10, "5": 20, "6": 145, "7": 37, "9": 54, "10": 1, "12": 30, "13": 42}
if sys.argv[1] == "--all":
    CASES |= {"12": 90, "13": 126}


def told(counts):
    return ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items(), reverse=True))


total = Counter()
complete = True
for path in [path for path in sys.argv[1:] if path.endswith(".json")]:
    with open(path, encoding="utf-8") as report:
        [cases] = json.load(report).values()
    print(path.split("/")[-2])
    for name, case in cases.items():
        if not {case["behavior"], case["behaviorClose"]} <= GOOD:
            print(f"{name}: {case['behavior']}, farewell {case['behaviorClose']}")
            complete = False
    for group, due in CASES.items():
        kinds = [case["behavior"] for name, case in cases.items() if name.split(".")[0] == group]
        print(f"  {group:>2}: {told(Counter(kinds))}")
        if len(kinds) != due:
            print(f"  {group:>2}: {due} cases were expected")
            complete = False
    total.update(case["behavior"] for case in cases.values())
print(f"autobahn: {sum(total.values())} cases, {told(total)}")
sys.exit(0 if complete else 1)
