#!/usr/bin/env python3
"""Compares what `gplok inlines` says of sampled inline functions with what modpost says.

    sample.py KDIR MAP.json [--count 200] [--seed 1] [--jobs 2] [--make ARG]... [--keep DIR]

For each sampled function a module is written that includes the function's header and calls it once, from a global
function with the same parameters, under MODULE_LICENSE("Proprietary"). kbuild compiles them all, then modpost is run
once for each, since it reports no more than ten undefined symbols a run. Its three complaints (a GPL-only symbol, an
undefined symbol, a namespace that is not imported) are compared with the map's `gpl_only`, `unexported` and
`namespaced`. The parameters are copied from the definition as the preprocessor leaves it. Functions whose module does
not compile are counted and listed with the first error: a header may want another before it, a parameter may have to
be a constant. Not a part of `cargo test`: it needs make, a compiler and a kernel's headers, and takes some minutes.

The map: {"inlines": [{"name", "file", "line", "gpl_only": [], "unexported": [], "namespaced": []}, ...],
          "dropped": [{"name", "file", "line", "why"}, ...]}; namespaced holds names of symbols, or [symbol, namespace].
Exit code: 0 all agree, 1 there are differences, 2 it could not be tried.
"""

import argparse
import collections
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

# modpost's words: FATAL up to 5.10, ERROR since, and since 7.3 with the module first and the symbol in other quotes.
GPL = re.compile(r"GPL-incompatible module (?:\S+ )?uses GPL-only symbol '([^']+)'")
UNDEFINED = re.compile(r"""["']([^"'\s]+)["'] (?:\[[^]]*\] )?undefined!""")
NAMESPACE = re.compile(r"uses symbol '?([^'\s]+)'? from namespace '?([^',\s]+)'?,? but does not import it")
ATTRIBUTE = re.compile(r"\b(?:__attribute__|__attribute|__asm__|asm)\s*\(")
# Warnings may not stop a module, whatever the configuration says; what kbuild itself always refuses stays refused.
FLAGS = "ccflags-y := -Wno-error -Werror=implicit-function-declaration"
SPECIFIER = re.compile(r"\b(?:static|inline|__inline__|__inline|extern|_Noreturn|__extension__)\b")


def included_as(file):
    """The name in angle brackets of a header named as in the kernel's tree; generic ones come by the architecture's."""
    if file.startswith("include/asm-generic/"):
        return "asm/" + file.removeprefix("include/asm-generic/")
    for pattern in (r"^arch/\w+/include/(?:generated/)?(?:uapi/)?(.*)$", r"^include/(?:generated/)?(?:uapi/)?(.*)$"):
        found = re.match(pattern, file)
        if found:
            return found[1]
    return None


def closing(text, at):
    """The place behind the bracket that closes the one at `at`."""
    depth = 0
    for index in range(at, len(text)):
        if text[index] == "(":
            depth += 1
        elif text[index] == ")":
            depth -= 1
            if depth == 0:
                return index + 1
    return len(text)


def without_attributes(text):
    while True:
        found = ATTRIBUTE.search(text)
        if not found:
            return text
        text = text[: found.start()] + " " + text[closing(text, found.end() - 1):]


def split(parameters):
    """The parameters, at the commas outside of brackets."""
    parts, depth, last = [], 0, 0
    for index, character in enumerate(parameters):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(parameters[last:index])
            last = index + 1
    parts.append(parameters[last:])
    return [part.strip() for part in parts]


def parameter_name(parameter):
    pointer = re.search(r"\(\s*\*+\s*(?:const\s+)?(\w+)\s*(?:\[[^]]*\])*\s*\)\s*\(", parameter)
    if pointer:
        return pointer[1]
    words = re.findall(r"[A-Za-z_]\w*", re.sub(r"\[[^]]*\]", "", parameter))
    kinds = {"int", "char", "long", "short", "unsigned", "signed", "void", "_Bool", "bool", "const"}
    return words[-1] if len(words) > 1 and words[-1] not in kinds else None


def definition(text, name):
    """(type of the result, parameters) of the static inline function in preprocessed text."""
    text = re.sub(r"^#.*$", "", text, flags=re.M)
    for found in re.finditer(r"\b%s\s*\(" % re.escape(name), text):
        end = closing(text, found.end() - 1)
        behind = without_attributes(text[end: end + 400]).lstrip()
        begin = max(text.rfind(mark, 0, found.start()) for mark in ";}")
        head = text[begin + 1: found.start()]
        if not behind.startswith("{") or "static" not in head or "inline" not in head:
            continue
        result = " ".join(SPECIFIER.sub(" ", without_attributes(head)).split())
        return result, " ".join(without_attributes(text[found.end(): end - 1]).split())
    return None


def call(name, result, parameters):
    """The text of the function that calls, or None if the parameters cannot be handed on."""
    if parameters in ("", "void"):
        names = []
    else:
        names = [parameter_name(parameter) for parameter in split(parameters)]
        if None in names or "..." in parameters:
            return None
    head = f"{result} gplok_sample({parameters or 'void'})"
    back = "" if result == "void" else "return "
    return f"{head};\n{head}\n{{\n\t{back}({name})({', '.join(names)});\n}}\n"


def run(command, **rest):
    environment = dict(os.environ, LC_ALL="C")
    return subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment, **rest)


def first_errors(output, modules):
    """For each module the first error that its compilation printed."""
    errors, current = {}, None
    for line in output.splitlines():
        named = re.search(r"(s\d+)\.c\b", line)
        current = named[1] if named else current
        found = re.search(r"(?:fatal )?error: (.*)", line, re.I)
        if found and current:
            errors.setdefault(current, found[1])
    return {module: errors.get(module, "?") for module in modules}


class Samples:
    def __init__(self, arguments):
        self.kdir, self.make, self.jobs = arguments.kdir, arguments.make, arguments.jobs
        self.folder = arguments.keep or tempfile.mkdtemp(prefix="gplok-sample-")
        os.makedirs(self.folder, exist_ok=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def kbuild(self, *targets):
        command = ["make", "-k", f"-j{self.jobs}", "-C", self.kdir, f"M={self.folder}", *self.make, *targets]
        return run(command)

    def makefile(self, modules):
        self.write("Makefile", "obj-m := " + " ".join(f"{module}.o" for module in modules) + "\n" + FLAGS + "\n")

    def compile(self, sampled):
        """Writes and compiles the modules; {module: inline} of those that compile, and why the others do not."""
        headers = {}
        for module, inline in sampled.items():
            header = included_as(inline["file"])
            headers[module] = f"#include <linux/module.h>\n#include <{header}>\n"
            self.write(f"{module}.c", headers[module])
        self.makefile(sampled)
        self.kbuild(*[f"{module}.i" for module in sampled])
        failed, written = {}, []
        for module, inline in sampled.items():
            try:
                with open(self.path(f"{module}.i"), encoding="utf-8", errors="replace") as file:
                    found = definition(file.read(), inline["name"])
            except OSError:
                failed[module] = "its header does not compile alone"
                continue
            text = found and call(inline["name"], *found)
            if not text:
                failed[module] = "its parameters cannot be handed on" if found else "not defined by its header alone"
                continue
            ending = 'MODULE_LICENSE("Proprietary");\nMODULE_DESCRIPTION("one call");\n'
            self.write(f"{module}.c", headers[module] + text + ending)
            written.append(module)
        self.makefile(written)
        output = self.kbuild("modules")
        broken = [module for module in written if not os.path.exists(self.path(f"{module}.o"))]
        failed.update(first_errors(output.stdout + output.stderr, broken))
        return [module for module in written if module not in broken], failed

    def modpost(self, modules):
        """What modpost says of each module alone."""
        self.makefile(modules[:1])
        output = self.kbuild("V=1", "KBUILD_MODPOST_WARN=1", "modules")
        lines = [line for line in output.stdout.splitlines() if re.search(r"scripts/mod/modpost\s", line)]
        if not lines:
            sys.exit("make does not show how it runs modpost:\n" + (output.stdout + output.stderr)[-2000:])
        order = self.path("modules.order")
        with open(order, encoding="utf-8") as file:
            entry = file.read().split()[0]
        # Since 6.13 make enters the folder of the module, and names in it are relative.
        folder = self.kdir if os.path.isabs(entry) else self.folder
        said = {}
        for module in modules:
            self.write("modules.order", entry.replace(modules[0], module) + "\n")
            said[module] = self.modpost_once(lines[-1], folder)
        return said

    def modpost_once(self, command, folder):
        """What modpost says. Up to 5.10 it stops at the first GPL-only symbol: it is run again with that one changed."""
        said, freed = "", set()
        while True:
            result = run(command, shell=True, cwd=folder)
            if "modules.order" in result.stdout + result.stderr:
                sys.exit("modpost does not find its modules:\n" + result.stderr)
            said += result.stdout + result.stderr
            stopped = re.search("FATAL: modpost: " + GPL.pattern, result.stdout + result.stderr)
            symvers = re.search(r"-i (\S*Module\.symvers)", command)
            if not stopped or not symvers or stopped[1] in freed:
                return said
            freed.add(stopped[1])
            with open(os.path.join(folder, symvers[1]), encoding="utf-8") as file:
                rows = [row.split("\t") for row in file]
            changed = [row[:3] + [row[3].replace("_GPL", "")] + row[4:] if row[1] in freed else row for row in rows]
            self.write("Module.symvers.freed", "".join("\t".join(row) for row in changed))
            command = command.replace(symvers[0], f"-i {self.path('Module.symvers.freed')}", 1)


def main():
    parser = argparse.ArgumentParser(description="compare a map of inlines with modpost")
    parser.add_argument("kdir")
    parser.add_argument("map")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--make", action="append", default=[], help="further argument of make")
    parser.add_argument("--only", choices=["touched"], help="sample only inlines that the map says need something")
    parser.add_argument("--keep", help="leave the modules in this directory")
    arguments = parser.parse_args()
    with open(arguments.map, encoding="utf-8") as file:
        inlines = json.load(file)["inlines"]
    if arguments.only:
        inlines = [inline for inline in inlines if any(inline[kind] for kind in ("gpl_only", "unexported", "namespaced"))]
    inlines = [inline for inline in inlines if included_as(inline["file"])]
    inlines.sort(key=lambda inline: (inline["file"], inline["line"], inline["name"]))
    chosen = random.Random(arguments.seed).sample(inlines, min(arguments.count, len(inlines)))
    sampled = {f"s{number}": inline for number, inline in enumerate(chosen)}
    samples = Samples(arguments)
    compiled, failed = samples.compile(sampled)
    if not compiled:
        sys.exit("no module compiles")
    agree, different = collections.Counter(), 0
    for module, text in samples.modpost(compiled).items():
        inline = sampled[module]
        pairs = {
            "gpl_only": set(GPL.findall(text)),
            "unexported": set(UNDEFINED.findall(text)),
            "namespaced": {symbol for symbol, _ in NAMESPACE.findall(text)},
        }
        same = True
        for kind, modpost in pairs.items():
            ours = {entry if isinstance(entry, str) else entry[0] for entry in inline[kind]}
            for symbol in sorted(ours ^ modpost):
                who = "only the map" if symbol in ours else "only modpost"
                print(f"{module} {inline['file']}:{inline['line']} {inline['name']}: {kind}: {who} has {symbol}")
                same = False
        different += not same
        agree["with something" if any(pairs.values()) else "with nothing"] += same
    for module, why in sorted(failed.items(), key=lambda pair: int(pair[0][1:])):
        print(f"{module} {sampled[module]['file']}:{sampled[module]['line']} {sampled[module]['name']}: no module: {why}")
    print(f"{len(compiled)} compared, {sum(agree.values())} agree ({dict(agree)}), {different} differ, {len(failed)} without a module")
    if not arguments.keep:
        shutil.rmtree(samples.folder)
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
