#!/usr/bin/env python3
"""gplok and depmod on the module tree of a Debian kernel, side by side.

    tests/speed/compare.py [--gplok PATH] [--runs N] [--folder DIR] [IMAGE HEADERS]

IMAGE and HEADERS are packages, by default what linux-image-amd64 and linux-headers-amd64 depend on today. They are fetched
with apt-get and unpacked below DIR (by default a folder that is removed again); nothing is installed. Both programs read the
same files, in turns, after one run that is not counted; printed are medians of the wall clock, the processor time, and the
largest memory. A tree of .ko.xz files is decompressed by as many xz processes as there are processors, too: nobody can be
faster than that without doing less.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time


def skip(why):
    sys.exit(f"SKIPPED, nothing was measured: {why}")


def package(name):
    """The package that one without contents depends on."""
    depends = subprocess.run(["apt-cache", "depends", name], capture_output=True, text=True).stdout
    found = [line.split()[-1] for line in depends.splitlines() if "Depends:" in line]
    real = [other for other in found if other.startswith(name.rsplit("-", 1)[0])]
    return real[0] if real else name


def unpack(name, folder):
    into = folder / name
    if not into.exists():
        debs = folder / "debs"
        debs.mkdir(exist_ok=True)
        if subprocess.run(["apt-get", "download", name], cwd=debs, stdout=subprocess.DEVNULL).returncode:
            skip(f"apt-get cannot download {name}")
        [deb] = debs.glob(f"{name}_*.deb")
        subprocess.run(["dpkg-deb", "-x", deb, into], check=True)
    return into


def once(command):
    begun = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    return time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, status


def measure(commands, runs):
    """Each command in turns."""
    taken = {name: [] for name in commands}
    for run in range(runs + 1):
        for name, command in commands.items():
            one = once(command)
            if run:
                taken[name].append(one)
    return {name: [statistics.median(one[i] for one in all) for i in (0, 1)] + [max(one[2] for one in all)]
            for name, all in taken.items()}


def show(title, measured, against):
    print(title)
    wall = measured[against][0]
    for name, (elapsed, processor, memory) in measured.items():
        print(f"  {name:<34} {elapsed * 1000:9.1f} ms  {elapsed / wall:6.3f} x  "
              f"{processor * 1000:9.1f} ms of processors  {memory:7.1f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="*", metavar="IMAGE HEADERS")
    parser.add_argument("--gplok", default="target/release/gplok")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--folder", type=pathlib.Path)
    arguments = parser.parse_args()
    for program in ("depmod", "apt-get", "dpkg-deb"):
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            skip(f"{program} is not there")
    if not os.access(arguments.gplok, os.X_OK):
        skip(f"{arguments.gplok} is not there: cargo build --release")
    image, headers = arguments.packages or [package("linux-image-amd64"), package("linux-headers-amd64")]
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.folder or pathlib.Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        root, headers = unpack(image, folder), unpack(headers, folder)
        trees = [kernel.parent for kernel in root.glob("**/lib/modules/*/kernel")]
        symvers = [path for path in headers.glob("usr/src/*/Module.symvers")]
        if not trees or not symvers:
            skip(f"no modules in {image}, or no Module.symvers in {headers.name}")
        [tree], [symvers] = trees, symvers
        base = tree.parent.parent.parent
        files = [path for path in tree.rglob("*.ko*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        print(f"{image}: {len(files)} modules, {size / 1e6:.0f} MB; {arguments.runs} runs, {os.cpu_count()} processors")
        cache = folder / "cache"
        os.environ["XDG_CACHE_HOME"] = str(cache)
        depmod = shutil.which("depmod", path="/usr/sbin:/sbin:" + os.environ["PATH"])
        check = [arguments.gplok, "check", "--tree", tree, "-k"]
        # What is only just unpacked may still be changing: answers about it are not kept.
        time.sleep(3)
        show("the tree against the kernel's headers", measure({
            "depmod -n -ae -E Module.symvers": [depmod, "-n", "-ae", "-b", base, "-E", symvers, tree.name],
            "gplok check --no-cache": [*check, symvers.parent, "--no-cache"],
            "gplok check, the answer kept": [*check, symvers.parent],
            "gplok check -k Module.symvers": [*check, symvers, "--no-cache"],
        }, arguments.runs), "depmod -n -ae -E Module.symvers")
        if any(path.name.endswith(".xz") for path in files) and shutil.which("xz"):
            listed = folder / "files"
            listed.write_text("\n".join(map(str, files)))
            share = len(files) // os.cpu_count() + 1
            bare = f"xargs -P{os.cpu_count()} -n {share} xz -dc < {listed}"
            show("decompression alone", measure({"xz -dc": ["sh", "-c", bare]}, 3), "xz -dc")
        module = next(path for path in files if path.name.startswith("ip_gre.ko"))
        show("one module against one Module.symvers", measure({
            "gplok check MODULE -k Module.symvers": [arguments.gplok, "check", module, "-k", symvers],
        }, arguments.runs), "gplok check MODULE -k Module.symvers")


if __name__ == "__main__":
    main()
