#!/usr/bin/env python3
"""Runs every command that gplok advises, as it stands, with the headers of real kernels.

    run.py GPLOK RELEASE... [--root ROOT] [--keep]

The commands are found, not listed: in the explain pages every line of an example, and every text in backquotes, whose first
word is a program; and in the "fix" of every finding that gplok has about a small module that is built with the headers of each
kernel and checked against the others, and against none of the modules it needs. Each runs in a shell, in the folder of that
module, where uname -r prints the release.

A command fails if it ends with an error (1 is none for grep, zgrep, gplok, modinfo and modprobe, which find nothing that way), takes more
than five minutes, or changes the module's Makefile or source; one that builds must leave foo.ko with the vermagic of the release.

ROOT is a folder with Debian's userland in which the packages linux-headers-RELEASE, their -common and linux-kbuild are
unpacked (gcc, make, kmod, binutils, xz and file installed, /proc mounted); the commands run in it with chroot, so root is
needed. Without --root, the machine itself is taken.

What needs a running kernel of its own (insmod, rmmod, modprobe of a name, depmod, mokutil, reboot, sysctl) is replaced by
stand-ins, which only check that the real program, where it is installed, knows the options. What cannot run here at all is
named in the end as SKIPPED.
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

PAGES = pathlib.Path(__file__).resolve().parents[2] / "src/report/explain"
WORK = "/tmp/gplok-advice"
STAND_INS = ["insmod", "rmmod", "modprobe", "depmod", "mokutil", "reboot", "sysctl", "lsmod"]
FINDS_NOTHING = {"grep", "zgrep", "gplok", "modinfo", "modprobe"}
PLACEHOLDERS = {"EXPORTER": "foo", "DIR": "/lib/modules/$(uname -r)/build", "CERT.x509": "mok.der"}
SOURCE = """#include <linux/module.h>
#include <linux/fs.h>
#include <linux/slab.h>
static int number;
module_param(number, int, 0444);
static int __init foo_init(void) { void *p = kmalloc(8, GFP_KERNEL); kfree(p); return 0; }
static void __exit foo_exit(void) { unregister_chrdev(0, "foo"); }
module_init(foo_init);
module_exit(foo_exit);
int foo_export(void) { return number; }
EXPORT_SYMBOL(foo_export);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("foo");
"""
# Uses what foo exports, which nothing has loaded, and a GPL-only symbol under another license.
NEEDY = """#include <linux/module.h>
int foo_export(void);
int no_such_function(void);
static int __init needy_init(void) { return foo_export() + no_such_function(); }
module_init(needy_init);
MODULE_LICENSE("Proprietary");
MODULE_DESCRIPTION("needy");
"""
STAND_IN = """#!/bin/sh
for program in /usr/sbin/{name} /usr/bin/{name} /sbin/{name} /bin/{name}; do
    [ -x $program ] && real=$program && break
done
case "{name} $*" in "modprobe --dump-modversions "*|"modprobe --show-depends "*) exec $real "$@" ;; esac
[ -n "$real" ] || exit 0
for argument; do
    case $argument in
    --*) $real --help 2>&1 | grep -q -- "${{argument%%=*}}" || {{ echo "{name} has no option $argument" >&2; exit 64; }} ;;
    esac
done
"""


class Bench:
    """One release in one root."""

    def __init__(self, root, release):
        self.root, self.release = root, release
        self.folder = pathlib.Path(f"{root}{WORK}/{release}/foo")
        self.needy = self.folder.parent / "needy"

    def shell(self, command, timeout=300):
        script = f"export PATH={WORK}/bin:$PATH RELEASE={self.release}; cd {WORK}/{self.release}/foo && {command}"
        argv = ["sh", "-c", script] if self.root == "" else ["chroot", self.root, "sh", "-c", script]
        try:
            ran = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, text=True, errors="replace")
        except subprocess.TimeoutExpired:
            return 124, f"no end after {timeout} s"
        return ran.returncode, ran.stdout + ran.stderr

    def has(self, program):
        return self.shell(f"command -v '{program}'")[0] == 0

    def sources(self):
        files = [self.folder / name for name in ("Makefile", "foo.c")]
        return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]

    def fresh(self):
        """A folder with a module that was built for this kernel, and what the pages take to be there."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.needy, ignore_errors=True)
        (self.folder / "other").mkdir(parents=True)
        self.needy.mkdir()
        (self.folder / "foo.c").write_text(SOURCE)
        (self.folder / "Makefile").write_text("obj-m := foo.o\n")
        (self.needy / "needy.c").write_text(NEEDY)
        (self.needy / "Makefile").write_text("obj-m := needy.o\n")
        make = f"make -C /lib/modules/{self.release}/build"
        for command in (
            f"{make} M=$PWD modules",
            f"cd ../needy && {make} M=$PWD KBUILD_EXTRA_SYMBOLS=$PWD/../foo/Module.symvers KBUILD_MODPOST_WARN=1 modules",
            "cp foo.ko other/ && xz -k foo.ko && cp foo.ko mac80211.ko && cp foo.ko nfs.ko",
            "openssl req -new -x509 -newkey rsa:2048 -nodes -keyout mok.priv -outform DER -out mok.der -subj /CN=mok -days 9",
        ):
            code, out = self.shell(command)
            if code != 0:
                sys.exit(f"{self.release}: {command}:\n{out[-2000:]}")
        # What an installed kernel has beside its headers.
        self.installed = []
        for name in ("modules.builtin", "updates/foo.ko"):
            file = pathlib.Path(f"{self.root}/lib/modules/{self.release}/{name}")
            if not file.exists():
                file.parent.mkdir(exist_ok=True)
                shutil.copy(self.folder / "foo.ko", file) if name.endswith(".ko") else file.write_text("kernel/fs/none.ko\n")
                self.installed.append(file)

    def remove(self):
        for file in self.installed:
            file.unlink()
        updates = pathlib.Path(f"{self.root}/lib/modules/{self.release}/updates")
        if updates.is_dir() and not any(updates.iterdir()):
            updates.rmdir()

    def save(self):
        shutil.rmtree(f"{self.folder}.whole", ignore_errors=True)
        shutil.copytree(self.folder, f"{self.folder}.whole", symlinks=True)

    def restore(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(f"{self.folder}.whole", self.folder, symlinks=True)


def of_pages(bench):
    """The commands of all pages, each with its page."""
    for page in sorted(PAGES.rglob("*.md")):
        text = page.read_text()
        lines = []
        for block in re.findall(r"(?:^    .*\n)+", text, re.MULTILINE):
            block = [line[4:] for line in block.splitlines()]
            # Where commands follow a prompt, the other lines are what they print.
            typed = [line for line in block if re.match(r"[#$] ", line)]
            lines += typed or block
        quoted = re.findall(r"`([^`]+)`", text.replace("\n", " "))
        for line in lines + [part for part in quoted if not part.startswith("foo")]:
            command = re.sub(r"^[#$] ", "", line)
            command = re.split(r"\s+<- |\s{2,}# ", command)[0].strip()
            words = command.split()
            if not words or line.startswith(" ") or not re.fullmatch(r"[\w./$()-]+|/lib/modules/\$\(uname", words[0]) or "=" in words[0]:
                continue
            if line in quoted:
                # The name of a program, alone or with options, is no command; that of a command of gplok is looked up.
                if all(word.startswith("-") for word in words[1:]):
                    continue
                if words[0] == "gplok" and len(words) == 2:
                    command += " --help"
            program = re.match(r"(?:\$\([^)]*\)|\S)+", command)[0].replace("$(uname -r)", bench.release)
            if program.startswith(("scripts/", "tools/", "/", "./")) or bench.has(program):
                yield page.relative_to(PAGES).with_suffix(""), command


def of_findings(benches, gplok):
    """The commands in the fixes of findings about each kernel's modules on every other kernel."""
    found = set()
    for built in benches:
        for kernel in benches:
            headers = f"{kernel.root}/lib/modules/{kernel.release}/build"
            modules = [str(built.folder / "foo.ko"), str(built.needy / "needy.ko")]
            for order in ([modules[0]], [modules[1]], modules):
                argv = [gplok, "check", "-k", os.path.realpath(headers), "--release", kernel.release, "--format", "json", *order]
                ran = subprocess.run(argv, capture_output=True, text=True)
                if ran.returncode == 2:
                    sys.exit(ran.stderr)
                for module in json.loads(ran.stdout)["modules"]:
                    for finding in module["findings"]:
                        make = r"make -C [^\s,;]+ M=\$PWD \w+"
                        for command in re.findall(rf"{make}(?: && {make})*|modprobe \w+|mokutil --import \S+", finding["fix"]):
                            found.add((kernel.release, f"fix of {finding['code']}", command))
    return sorted(found)


def run(bench, where, command):
    """Runs one command; what is wrong with it, or nothing."""
    filled = command
    for placeholder, value in PLACEHOLDERS.items():
        filled = re.sub(rf"(?<![\w/]){re.escape(placeholder)}(?![\w])", value, filled)
    if unpacked := re.match(r"xz -d (\S+)\.xz", filled):
        (bench.folder / unpacked[1]).unlink()
    before = bench.sources()
    code, out = bench.shell(filled)
    last = re.sub(r"'[^']*'", "''", filled).replace("$(uname -r)", bench.release).split("|")[-1]
    program = pathlib.PurePath(last.split()[0]).name
    fine = {0, 1} if program in FINDS_NOTHING else {0}
    if code not in fine:
        return f"exit code {code}: {out.strip()[-300:]}"
    if bench.sources() != before:
        return "changes the module's Makefile or source"
    if "modules" in filled.split() and "make" in filled and "ARCH" not in filled:
        vermagic = bench.shell("modinfo -F vermagic foo.ko")[1].split(" ")[0]
        if vermagic != bench.release:
            return f"leaves no foo.ko of {bench.release}: {vermagic}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gplok")
    parser.add_argument("releases", nargs="+", metavar="RELEASE")
    parser.add_argument("--root", default="")
    parser.add_argument("--keep", action="store_true", help="leave the folders")
    arguments = parser.parse_args()
    root = arguments.root.rstrip("/")
    tools = pathlib.Path(f"{root}{WORK}/bin")
    tools.mkdir(parents=True, exist_ok=True)
    for name in STAND_INS:
        (tools / name).write_text(STAND_IN.format(name=name))
    (tools / "uname").write_text('#!/bin/sh\n[ "$*" = -r ] && echo "$RELEASE" || exec /bin/uname "$@"\n')
    shutil.copy(arguments.gplok, tools / "gplok")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    benches = [Bench(root, release) for release in arguments.releases]
    for bench in benches:
        bench.fresh()
        bench.save()
    failed, skipped, count = [], set(), 0
    jobs = [(bench, str(where), command) for bench in benches for where, command in of_pages(bench)]
    by_release = {bench.release: bench for bench in benches}
    jobs += [(by_release[release], where, command) for release, where, command in of_findings(benches, arguments.gplok)]
    for bench, where, command in jobs:
        needs = re.search(r"CROSS_COMPILE=(\S+)", command)
        files = re.findall(r"(?<!\S)/(?:proc|sys)/\S+", command)
        if any(not pathlib.Path(root + file).exists() for file in files) or (needs and not bench.has(f"{needs[1]}gcc")):
            skipped.add(f"{where}: {command}")
            continue
        # A page's commands build on each other; each page begins with the module as it was built.
        if (bench, where) != getattr(main, "last", None):
            bench.restore()
        main.last = (bench, where)
        count += 1
        wrong = run(bench, where, command)
        print(f"{'FAILED' if wrong else 'ok':6} {bench.release}  {where}: {command}" + (f"\n       {wrong}" if wrong else ""), flush=True)
        if wrong:
            failed.append(command)
    for command in sorted(skipped):
        print(f"SKIPPED (it needs a running kernel or a compiler that is not here): {command}")
    for bench in benches:
        bench.remove()
    if not arguments.keep:
        shutil.rmtree(f"{root}{WORK}")
    print(f"{count} commands run, {len(failed)} failed, {len(skipped)} skipped")
    sys.exit(1 if failed else 0)


main()
