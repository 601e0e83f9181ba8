#!/usr/bin/env python3
"""Compares what gplok diff and gplok upgrade say with other witnesses.

usage: tests/upgrade/compare.py totals A/Module.symvers B/Module.symvers
           counts what differs between two lists (since 5.6) independently of gplok
       tests/upgrade/compare.py build FROM-HEADERS TO-HEADERS BUILD.LOG MODULE.ko...
           holds the answers for modules built against FROM against what the compiler and modpost said of the same
           source built against TO; needs a build of both, with make -k, and debug information in the modules
"""
import json
import os
import re
import subprocess
import sys

GPLOK = os.environ.get("GPLOK", "target/release/gplok")


def rows(path):
    with open(path, encoding="utf-8") as lines:
        columns = [line.rstrip("\n").split("\t") + [""] for line in lines]
    return {row[1]: (row[0], row[2], row[3], row[4]) for row in columns}


def totals(earlier, later):
    before, after = rows(earlier), rows(later)
    both = [(before[name], after[name]) for name in before if name in after]
    gpl = "EXPORT_SYMBOL_GPL"
    expected = {
        "removed": sum(name not in after for name in before),
        "added": sum(name not in before for name in after),
        "became_gpl_only": sum(old[2] == "EXPORT_SYMBOL" and new[2] == gpl for old, new in both),
        "became_plain": sum(old[2] == gpl and new[2] == "EXPORT_SYMBOL" for old, new in both),
        "namespace_changed": sum(old[3] != new[3] for old, new in both),
        "owner_moved": sum(old[1] != new[1] for old, new in both),
        "crc_changed": sum(old[0] != new[0] for old, new in both),
    }
    said = json.loads(run("diff", earlier, later))["totals"]
    # A kernel without symbol versions has none to compare.
    expected = {name: number for name, number in expected.items() if said[name] is not None}
    print(expected)
    return {name: number for name, number in said.items() if number is not None} == expected


def run(*arguments):
    return subprocess.run([GPLOK, *arguments, "--format", "json"], stdout=subprocess.PIPE, check=False).stdout


def build(earlier, later, log, modules):
    with open(log, encoding="utf-8", errors="replace") as text:
        said = text.read()
    fails = bool(re.search(r"\berror:|ERROR: modpost|FATAL: modpost", said))
    hidden = set(re.findall(r"GPL-only symbol '([^']+)'", said))
    for module in json.loads(run("upgrade", "--from", earlier, "--to", later, *modules))["modules"]:
        lost = [symbol for symbol in module["symbols"] if symbol["blocked"] and symbol["fate"]["state"] == "stays"]
        called = [symbol for symbol in module["symbols"] if symbol["prototypes"] and symbol["prototypes"]["called"]]
        names = {symbol["symbol"] for symbol in lost + called} | set(module["gone_inlines"])
        ours = {symbol["symbol"] for symbol in lost if symbol["blocked"]["code"] == "gpl-only-symbol"}
        print(f"{module['name']}: {module['answer']}; the build {'fails' if fails else 'succeeds'}")
        print(f"  named in its log: {sorted(name for name in names if re.search(rf'{re.escape(name)}', said))}")
        print(f"  not named there:  {sorted(name for name in names if name not in said)}")
        if hidden or ours:
            print(f"  GPL-only for modpost alone: {sorted(hidden - ours)}, for gplok alone: {sorted(ours - hidden)}")
    return True


def main():
    match sys.argv[1:]:
        case ["totals", earlier, later]:
            return totals(earlier, later)
        case ["build", earlier, later, log, *modules] if modules:
            return build(earlier, later, log, modules)
    sys.exit(__doc__)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
