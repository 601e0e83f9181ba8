#!/bin/bash
# kmod 34 cannot read a .ko.zst that `zstd` wrote from a pipe; kmod 30 and zstd itself can
#
# Tools: modinfo and depmod of kmod 30+20221128-1 (Debian bookworm) and kmod 34.2-2 (trixie); zstd of bookworm.
#
# Expected: whether zstd reads a module from a file or from standard input makes no difference to who can decompress it. The size
# of the contents is an optional field of a zstd frame (RFC 8878, section 3.1.1.1.4), and `zstd -t` finds both files whole.
#
# What happens: `zstd FILE` writes the size, `zstd < FILE` cannot know it. kmod 34 asks for the size first and gives up without it:
# modinfo fails, and modprobe could not load the module. depmod prints an error, lists the file in modules.dep all the same, with
# no symbols and no dependencies, and returns 0. kmod 30 decompresses as a stream and reads both.
#
# Output:
#   old by-name: GPL
#   old by-pipe: GPL
#   old depmod: 0
#   old modules.dep: kernel/by-pipe.ko.zst:
#   new by-name: GPL
#   new by-pipe: libkmod: ERROR: kmod_file_load_zstd: zstd: Failed to determine decompression size
#   new by-pipe: modinfo: ERROR: could not get modinfo from 'by_pipe': Invalid argument
#   new depmod: depmod: ERROR: zstd: Failed to determine decompression size
#   new depmod: depmod: ERROR: failed to load symbols from by-pipe.ko.zst: Invalid argument
#   new depmod: depmod: ERROR: zstd: Failed to determine decompression size
#   new depmod: depmod: ERROR: zstd: Failed to determine decompression size
#   new depmod: 0
#   new modules.dep: kernel/by-pipe.ko.zst:
#
# Why it matters: packaging scripts that compress modules with `zstd < x.ko > x.ko.zst`, or in a pipeline behind strip or sign-file,
# make files that install, that depmod lists, and that the next release of a distribution cannot load.
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
unpack old zstd=1.5.4+dfsg2-5 libgcc-s1/bookworm libstdc++6/bookworm liblz4-1/bookworm zlib1g/bookworm kmod=30+20221128-1 libkmod2=30+20221128-1 libc6/bookworm libssl3/bookworm liblzma5/bookworm libzstd1/bookworm
unpack new kmod=34.2-2 libkmod2=34.2-2 libc6/trixie libssl3t64/trixie zlib1g/trixie libzstd1/trixie
for tool in depmod modinfo; do
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

module("module")
PYTHON
cd "$modules/kernel"

run old bin/zstd -q module.ko -o by-name.ko.zst
run old bin/zstd -q < module.ko > by-pipe.ko.zst
rm module.ko
run old bin/zstd -q -t by-name.ko.zst by-pipe.ko.zst

for kmod in old new; do
	for file in by-name by-pipe; do
		{ run $kmod bin/modinfo -F license $file.ko.zst 2>&1 || true; } | sed "s/^/$kmod $file: /"
	done
	{
		run $kmod bin/depmod -b "$tmp/root" $release 2>&1
		echo $?
	} | sed "s,$modules/kernel/,,; s/^/$kmod depmod: /"
	grep by-pipe "$modules/modules.dep" | sed "s/^/$kmod modules.dep: /"
done | tee "$tmp/result"

diff - "$tmp/result" <<-'EXPECTED'
	old by-name: GPL
	old by-pipe: GPL
	old depmod: 0
	old modules.dep: kernel/by-pipe.ko.zst:
	new by-name: GPL
	new by-pipe: libkmod: ERROR: kmod_file_load_zstd: zstd: Failed to determine decompression size
	new by-pipe: modinfo: ERROR: could not get modinfo from 'by_pipe': Invalid argument
	new depmod: depmod: ERROR: zstd: Failed to determine decompression size
	new depmod: depmod: ERROR: failed to load symbols from by-pipe.ko.zst: Invalid argument
	new depmod: depmod: ERROR: zstd: Failed to determine decompression size
	new depmod: depmod: ERROR: zstd: Failed to determine decompression size
	new depmod: 0
	new modules.dep: kernel/by-pipe.ko.zst:
EXPECTED
