#!/bin/bash
# modprobe honors one MODULE_SOFTDEP() of a module and ignores the others, although modinfo and modules.softdep list them all
#
# Tools: modprobe, depmod and modinfo of kmod 30+20221128-1 (Debian bookworm) and kmod 34.2-2 (trixie).
#
# Expected: a module may have several MODULE_SOFTDEP(), as it may have several MODULE_ALIAS() or MODULE_FIRMWARE(). modinfo prints
# them all, depmod writes them all to modules.softdep, and modprobe loads them all. A `softdep` line of the administrator for the
# same module adds to them. modprobe.d(5) says nothing else.
#
# What happens: modprobe takes the first line for the module that it finds, and no other, not even one that names `post:` where
# the first names `pre:`. Configuration comes before modules.softdep, so one line there replaces all that the module asked for.
# There is no message.
#
# Output (the two versions agree):
#   old kmod:
#     modinfo: pre: hash_one
#     modinfo: pre: hash_two
#     modinfo: post: helper
#     modules.softdep: softdep filesystem pre: hash_one
#     modules.softdep: softdep filesystem pre: hash_two
#     modules.softdep: softdep filesystem post: helper
#     modprobe, no configuration:
#       insmod kernel/hash_one.ko
#       insmod kernel/filesystem.ko
#     modprobe, "softdep filesystem post: helper" in the configuration:
#       insmod kernel/filesystem.ko
#       insmod kernel/helper.ko
#
# In the wild: btrfs.ko of Debian's kernel 6.1.176-1 has four, in this order: `pre: blake2b-256`, `pre: sha256`, `pre: xxhash64`,
# `pre: crypto-crc32c`. modprobe asks for blake2b-256 only. (Known upstream: kmod-project/kmod
# issue 33.)
#
# Why it matters: which modules are loaded, and in which order, decides what a later module can be linked to and which taints it
# inherits. Who predicts a boot from modinfo or modules.softdep predicts modules that nobody loads; and tools that build an
# initramfs with `modprobe --show-depends` leave them out.
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
unpack old kmod=30+20221128-1 libkmod2=30+20221128-1 libc6/bookworm libssl3/bookworm liblzma5/bookworm libzstd1/bookworm
unpack new kmod=34.2-2 libkmod2=34.2-2 libc6/trixie libssl3t64/trixie zlib1g/trixie libzstd1/trixie
for tool in depmod modinfo modprobe; do
	ln -s kmod old/usr/bin/$tool
	ln -s kmod new/usr/bin/$tool
done

release=7.0.0
modules=$tmp/root/lib/modules/$release
mkdir -p "$modules/kernel" root/usr config empty
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

module("filesystem", b"pre: hash_one", b"pre: hash_two", b"post: helper")
for name in ("hash_one", "hash_two", "helper"):
    module(name)
PYTHON
echo 'softdep filesystem post: helper' > config/local.conf

for kmod in old new; do
	run $kmod bin/depmod -b "$tmp/root" $release
	echo "$kmod kmod:"
	run $kmod bin/modinfo -F softdep "$modules/kernel/filesystem.ko" | sed 's/^/  modinfo: /'
	grep '^softdep' "$modules/modules.softdep" | sed 's/^/  modules.softdep: /'
	for directory in empty config; do
		case $directory in
		empty) echo '  modprobe, no configuration:' ;;
		config) echo "  modprobe, \"$(cat config/local.conf)\" in the configuration:" ;;
		esac
		run $kmod bin/modprobe -C "$tmp/$directory" -d "$tmp/root" -S $release --show-depends filesystem |
			sed "s,$modules/,,; s/^/    /; s/ *$//"
	done
done | tee result

for kmod in old new; do
	cat <<-EXPECTED
		$kmod kmod:
		  modinfo: pre: hash_one
		  modinfo: pre: hash_two
		  modinfo: post: helper
		  modules.softdep: softdep filesystem pre: hash_one
		  modules.softdep: softdep filesystem pre: hash_two
		  modules.softdep: softdep filesystem post: helper
		  modprobe, no configuration:
		    insmod kernel/hash_one.ko
		    insmod kernel/filesystem.ko
		  modprobe, "softdep filesystem post: helper" in the configuration:
		    insmod kernel/filesystem.ko
		    insmod kernel/helper.ko
	EXPECTED
done | diff result -
