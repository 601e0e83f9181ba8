#!/bin/bash
# Debian's kmod is built without zlib: its depmod leaves out every .ko.gz, with no word and with exit code 0
#
# Tools: depmod, modprobe and `kmod --version` of kmod 30+20221128-1 (Debian bookworm) and kmod 34.2-2 (trixie).
#
# Expected: gzip is one of the three formats in which the kernel's build installs modules (CONFIG_MODULE_COMPRESS_GZIP). A
# depmod that cannot read a module says so and fails, or lists the file at least, as it does for a .ko.zst that it cannot read.
#
# What happens: `kmod --version` lists -ZLIB in both releases. depmod then does not take a file whose name ends in .ko.gz for a module:
# modules.dep has the plain module and the .ko.xz, and the .ko.gz is in no file that depmod writes. Nothing is printed, not with -w
# either, and the exit code is 0. modprobe then does not find the module.
#
# Output:
#   old kmod: -ZLIB
#   old depmod: 0
#   old modules.dep: kernel/plain.ko:
#   old modules.dep: kernel/with_xz.ko.xz:
#   old files that name it: none
#   old modprobe: FATAL: Module with_gzip not found in directory /root/lib/modules/7.0.0
#   new kmod: -ZLIB
#   new depmod: 0
#   new modules.dep: kernel/plain.ko:
#   new modules.dep: kernel/with_xz.ko.xz:
#   new files that name it: none
#   new modprobe: FATAL: Module with_gzip not found in directory /root/lib/modules/7.0.0
#
# Why it matters: a kernel configured with CONFIG_MODULE_COMPRESS_GZIP, built and installed on Debian, finds none of its modules, and
# nothing in the installation failed. A single module that its vendor ships as .ko.gz is just as absent.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

# Debian packages, unpacked below $tmp. The mirror is the one that this machine's apt already uses.
mirror=$(apt-get indextargets --format '$(REPO_URI)' | awk '/\/debian\/$/ && !found++')
printf 'deb %s %s main\n' "$mirror" bookworm "$mirror" trixie > sources.list
mkdir -p lists/partial cache/archives/partial
apt=(-qq -o Dir::Etc::sourcelist="$tmp/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::Lists="$tmp/lists"
	-o Dir::Cache="$tmp/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none
	-o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
apt-get "${apt[@]}" update
unpack() { # ROOT PACKAGE[=VERSION | /SUITE]...
	mkdir -p "$1/debs" "$1"/usr/{bin,sbin,lib,lib64}
	ln -s usr/bin usr/sbin usr/lib usr/lib64 "$1"
	(cd "$1/debs" && apt-get "${apt[@]}" download "${@:2}")
	for deb in "$1"/debs/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$1" --keep-directory-symlink -f -
	done
}
run() { # ROOT PROGRAM ARGUMENT...: runs the unpacked program with its own C library
	local libraries="$tmp/$1/usr/lib/x86_64-linux-gnu"
	"$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" --argv0 "${2##*/}" "$tmp/$1/usr/$2" "${@:3}"
}
unpack old kmod=30+20221128-1 libkmod2=30+20221128-1 libc6/bookworm libssl3/bookworm liblzma5/bookworm libzstd1/bookworm libgcc-s1/bookworm
unpack new kmod=34.2-2 libkmod2=34.2-2 libc6/trixie libssl3t64/trixie zlib1g/trixie libzstd1/trixie liblzma5/trixie
for tool in depmod modprobe; do
	ln -s kmod old/usr/bin/$tool
	ln -s kmod new/usr/bin/$tool
done

release=7.0.0
modules=$tmp/root/lib/modules/$release
mkdir -p "$modules/kernel" root/usr
ln -s ../lib root/usr/lib # kmod 34 looks in /usr/lib/modules, kmod 30 in /lib/modules
touch "$modules"/modules.{order,builtin,builtin.modinfo}
python3 - "$modules/kernel" <<'PYTHON'
import struct, sys

def module(name, *softdeps):
    modinfo = b"".join(b"softdep=" + softdep + b"\0" for softdep in softdeps) + b"license=GPL\0"
    sections = [("", 0, b"", 0), (".modinfo", 1, modinfo, 0), (".symtab", 2, bytes(24), 3), (".strtab", 3, b"\0", 0),
        (".shstrtab", 3, b"", 0)]
    shstrtab = b"".join(section[0].encode() + b"\0" for section in sections)
    body, headers, offset = b"", b"", 0
    for title, kind, data, link in sections:
        data = shstrtab if title == ".shstrtab" else data
        body += b"\0" * (-len(body) % 8)
        headers += struct.pack("<IIQQQQIIQQ", offset, kind, 2 if kind == 1 else 0, 0, 64 + len(body), len(data), link,
            kind == 2, 8, 24 if kind == 2 else 0)
        body += data
        offset += len(title) + 1
    body += b"\0" * (-len(body) % 8)
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 1, 62, 1, 0, 0, 64 + len(body), 0,
        64, 0, 0, 64, len(sections), len(sections) - 1)
    open(sys.argv[1] + "/" + name + ".ko", "wb").write(head + body + headers)

import gzip, lzma, os
for name, packed in ("plain", None), ("with_gzip", gzip.compress), ("with_xz", lambda data: lzma.compress(data, check=lzma.CHECK_CRC32)):
    module(name)
    path = sys.argv[1] + "/" + name + ".ko"
    if packed:
        data = packed(open(path, "rb").read())
        open(path + (".gz" if name == "with_gzip" else ".xz"), "wb").write(data)
        os.remove(path)
PYTHON
cd "$modules/kernel"

for kmod in old new; do
	run $kmod bin/kmod --version | grep -o '[+-]ZLIB' | sed "s/^/$kmod kmod: /"
	{
		run $kmod bin/depmod -w -b "$tmp/root" $release 2>&1
		echo $?
	} | sed "s/^/$kmod depmod: /"
	sed "s/^/$kmod modules.dep: /" "$modules/modules.dep" | LC_ALL=C sort
	{ grep -l with_gzip "$modules"/modules.* || echo none; } | sed "s/^/$kmod files that name it: /"
	{ run $kmod bin/modprobe -n -d "$tmp/root" -S $release with_gzip 2>&1 || true; } | sed "s,$tmp,," | sed "s/^/$kmod /"
done | tee "$tmp/result"

diff - "$tmp/result" <<-'EXPECTED'
	old kmod: -ZLIB
	old depmod: 0
	old modules.dep: kernel/plain.ko:
	old modules.dep: kernel/with_xz.ko.xz:
	old files that name it: none
	old modprobe: FATAL: Module with_gzip not found in directory /root/lib/modules/7.0.0
	new kmod: -ZLIB
	new depmod: 0
	new modules.dep: kernel/plain.ko:
	new modules.dep: kernel/with_xz.ko.xz:
	new files that name it: none
	new modprobe: FATAL: Module with_gzip not found in directory /root/lib/modules/7.0.0
EXPECTED
