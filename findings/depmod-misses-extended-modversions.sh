#!/bin/bash
# depmod -e -E reports version disagreements that no kernel sees: it does not read extended modversions
#
# Tools: depmod and modprobe of kmod 30+20221128-1 (Debian bookworm) and kmod 34.2-2 (trixie).
#
# Expected: `depmod -e -E Module.symvers` warns "disagrees about version of symbol" where the CRC that a module was built against
# differs from the exporter's CRC. `modprobe --dump-modversions` lists the CRCs that a module was built against. Here all CRCs
# agree, so there is no warning, and the list has two lines.
#
# What happens: kernels from 6.14 on can write __version_ext_crcs and __version_ext_names (CONFIG_EXTENDED_MODVERSIONS, which Rust
# with CONFIG_MODVERSIONS selects), because __versions has room for 55 characters of a name. A symbol with a longer name is only
# in the new tables; with CONFIG_BASIC_MODVERSIONS=n all symbols are. kmod only reads __versions, takes "not listed" for CRC 0,
# and reports that as a disagreement. modprobe leaves the symbol out, or fails.
#
# Output (old is kmod 30, new is 34.2; "both" has __versions and the new tables, "extended" has the new tables only):
#   both, old kmod:
#     modprobe: 0x11111111 example_open
#     depmod: WARNING: kernel/importer.ko disagrees about version of symbol _RNvMs_NtCs1234567890_6kernel7exampleNtB4_7Example13open_or_create
#   both, new kmod:
#     modprobe: 0x11111111 example_open
#     depmod: WARNING: kernel/importer.ko disagrees about version of symbol _RNvMs_NtCs1234567890_6kernel7exampleNtB4_7Example13open_or_create
#   extended, old kmod:
#     modprobe: modprobe: FATAL: could not get modversions of kernel/importer.ko: No such file or directory
#     depmod: WARNING: kernel/importer.ko disagrees about version of symbol example_open
#     depmod: WARNING: kernel/importer.ko disagrees about version of symbol _RNvMs_NtCs1234567890_6kernel7exampleNtB4_7Example13open_or_create
#   extended, new kmod:
#     modprobe: modprobe: FATAL: could not get modversions of kernel/importer.ko: No data available
#     depmod: WARNING: kernel/importer.ko disagrees about version of symbol example_open
#     depmod: WARNING: kernel/importer.ko disagrees about version of symbol _RNvMs_NtCs1234567890_6kernel7exampleNtB4_7Example13open_or_create
#
# Why it matters: the kernel prints the same words when it refuses a module with EINVAL, and where the extended tables are
# present it does not look at __versions at all. A check in a build that greps for depmod's warning refuses good modules, and a
# comparison of dumped CRCs passes over exactly the symbols with long names.
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
unpack binutils binutils=2.40-2 binutils-common=2.40-2 binutils-x86-64-linux-gnu=2.40-2 libbinutils=2.40-2 \
	libc6/bookworm zlib1g/bookworm libzstd1/bookworm
for kmod in old new; do
	ln -s kmod $kmod/usr/bin/depmod
	ln -s kmod $kmod/usr/bin/modprobe
done

release=7.0.0
modules=$tmp/root/lib/modules/$release
mkdir -p "$modules/kernel" root/usr
ln -s ../lib root/usr/lib # kmod 34 looks in /usr/lib/modules, kmod 30 in /lib/modules
touch "$modules"/modules.{order,builtin,builtin.modinfo}
short=example_open
long=_RNvMs_NtCs1234567890_6kernel7exampleNtB4_7Example13open_or_create # 68 characters, as Rust mangles names
export_symbol() { # SYMBOL CRC
	cat <<-ASSEMBLY
		.data
		.globl $1
		$1: .quad 0
		.section __ksymtab_strings, "aMS", %progbits, 1
		__kstrtab_$1: .asciz "$1"
		__kstrtabns_$1: .asciz ""
		.section ___ksymtab+$1, "a"
		__ksymtab_$1: .long $1 - ., __kstrtab_$1 - ., __kstrtabns_$1 - .
		.section ___kcrctab+$1, "a"
		__crc_$1: .long $2
	ASSEMBLY
}
{ export_symbol $short 0x11111111; export_symbol $long 0x22222222; } |
	run binutils bin/as -o "$modules/kernel/exporter.ko" -

# What modpost writes with CONFIG_EXTENDED_MODVERSIONS (scripts/mod/modpost.c, add_versions() and add_extended_versions()): every
# symbol in __version_ext_*; in __versions, whose names have 56 bytes, only the short one, or (CONFIG_BASIC_MODVERSIONS=n) none.
importer() { # TABLE...
	echo ".data; .quad $short, $long"
	printf '.section __version_ext_crcs, "a"\n.long 0x11111111, 0x22222222\n'
	printf '.section __version_ext_names, "a"\n.asciz "%s"\n.asciz "%s"\n' $short $long
	if [ "$1" = both ]; then
		printf '.section __versions, "a"\n.quad 0x11111111\n.ascii "%s"\n.zero 56 - %d\n' $short ${#short}
	fi
}
for tables in both extended; do
	importer $tables | run binutils bin/as -o "$modules/kernel/importer.ko" -
	for kmod in old new; do
		echo "$tables, $kmod kmod:"
		{ run $kmod bin/modprobe --dump-modversions "$modules/kernel/importer.ko" 2>&1 || true; } | sed "s,$modules/,,; s/^/  modprobe: /"
		run $kmod bin/depmod -n -e -E /dev/null -b "$tmp/root" $release 2>&1 >/dev/null | sed "s,$modules/,,; s/^/  /"
	done
done | tee result

wrong="  depmod: WARNING: kernel/importer.ko disagrees about version of symbol"
diff result - <<EXPECTED
both, old kmod:
  modprobe: 0x11111111	$short
$wrong $long
both, new kmod:
  modprobe: 0x11111111	$short
$wrong $long
extended, old kmod:
  modprobe: modprobe: FATAL: could not get modversions of kernel/importer.ko: No such file or directory
$wrong $short
$wrong $long
extended, new kmod:
  modprobe: modprobe: FATAL: could not get modversions of kernel/importer.ko: No data available
$wrong $short
$wrong $long
EXPECTED
