#!/usr/bin/env python3
"""Reads the summary of `llvm-cov export` on stdin and prints the line coverage of each folder of runtime/ and components/."""
import collections
import json
import sys


def main():
    root = sys.argv[1].rstrip("/") + "/"
    lines = collections.defaultdict(lambda: [0, 0])
    for file in json.load(sys.stdin)["data"][0]["files"]:
        name = file["filename"].removeprefix(root)
        if name.startswith(("runtime/", "components/")):
            for folder in ("/".join(name.split("/")[:2]), name.split("/")[0], "runtime and components"):
                lines[folder][0] += file["summary"]["lines"]["covered"]
                lines[folder][1] += file["summary"]["lines"]["count"]
    total = lines.pop("runtime and components", [0, 0])
    for folder, (covered, count) in [*sorted(lines.items()), ("runtime and components", total)]:
        print(f"{folder:32} {covered:7} of {count:7} lines  {100 * covered / max(count, 1):5.1f} %")


if __name__ == "__main__":
    main()
