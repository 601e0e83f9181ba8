#!/usr/bin/env python3
"""Holds the first 50 findings of launders-gpl-only in a Debian kernel against what reading their disassembly has said.

usage: judged.py IMAGE TREE LIST, for example vmlinuz-6.1.0-56-amd64 lib/modules/6.1.0-56-amd64 testdata/audit/judged-6.1.tsv
The image and the tree are in Debian's package linux-image-RELEASE (dpkg-deb -x FILE.deb DIR); GPLOK names the program.
"""
import json
import os
import subprocess
import sys

if len(sys.argv) != 4:
    sys.exit(__doc__)
image, tree, judged = sys.argv[1:]
with open(judged, encoding="utf-8") as file:
    rows = [line.rstrip("\n").split("\t") for line in file]
verdicts = {tuple(row[:3]): row[3] for row in rows}
gplok = os.environ.get("GPLOK", "target/release/gplok")
command = [gplok, "audit", image, tree, "--code", "launders-gpl-only", "--format", "json"]
document = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout)
names = {object["path"]: "vmlinux" if object["kernel"] else object["name"] for object in document["objects"]}
counts = {}
for finding in document["findings"][:50]:
    key = (names[finding["object"]], finding["export"], finding["symbol"])
    verdict = verdicts.get(key, "not judged")
    counts[verdict] = counts.get(verdict, 0) + 1
    if verdict in ("false", "not judged"):
        print(f"{verdict}: {' '.join(key)}")
print(", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items())))
sys.exit(0 if counts.get("true", 0) + counts.get("specialised", 0) >= 45 else 1)
