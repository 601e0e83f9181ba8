#!/bin/bash
# depmod takes the namespace of an exported symbol for an exported symbol
#
# Tools: depmod of kmod 30+20221128-1 (Debian bookworm) and kmod 34.2-2 (trixie); strip of binutils 2.40-2.
#
# Expected: a module exports the symbols in its __ksymtab. The namespace of EXPORT_SYMBOL_NS() is no symbol. Whether the kernel
# was built with CONFIG_MODVERSIONS, and whether the module was stripped of what relocations do not need, plays no part.
#
# What happens: depmod never reads __ksymtab. It takes the names of the __crc_* symbols if there is at least one. If there is
# none, it takes every string in __ksymtab_strings, where each name is followed by its namespace. So without CONFIG_MODVERSIONS
# every namespace is listed in modules.symbols as a symbol of the module, and of two modules that "export" one name the later
# one wins: below, user.ko needs the symbol "bus", which bus.ko exports, and is said to depend on leaf.ko, which has a
# namespace of that name. `modprobe user` then loads leaf.ko, and not bus.ko. With CRCs all is right, until
# `strip --strip-unneeded` drops the __crc_* symbols of leaf.ko, which no relocation refers to, although its CRC table stays.
#
# Output:
#   without CRCs, old kmod:
#     exported: bus leaf
#     exported: leaf_read leaf
#     dependencies: kernel/user.ko: kernel/leaf.ko
#   without CRCs, new kmod:
#     (the same three lines)
#   with CRCs, old kmod:
#     exported: bus bus
#     exported: leaf_read leaf
#     dependencies: kernel/user.ko: kernel/bus.ko
#   with CRCs, new kmod:
#     (the same three lines)
#   with CRCs, leaf.ko after strip --strip-unneeded, old kmod:
#     exported: bus leaf
#     exported: leaf_read leaf
#     dependencies: kernel/user.ko: kernel/leaf.ko
#   with CRCs, leaf.ko after strip --strip-unneeded, new kmod:
#     (the same three lines)
#
# In the wild: depmod 34.2 over the modules of Debian's kernel 7.3.4-1~bpo13+1 (amd64), built without CONFIG_MODVERSIONS, lists
# 148 names in modules.symbols that are namespaces and not symbols, for example `alias symbol:INTEL_VSEC intel_vsec` and
# `alias symbol:module:kvm-amd,kvm-intel kvm`. None of them is also the name of a symbol there, so no dependency is wrong.
#
# Why it matters: modules.symbols and modules.dep are not evidence of what a module exports. A judge of modules that takes
# exports or load order from them disagrees with the kernel, and differs between two builds of one source.
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

# What EXPORT_SYMBOL_NS(SYMBOL, "NAMESPACE") leaves in a module (include/linux/export-internal.h): one entry in __ksymtab,
# and the name and the namespace, side by side in __ksymtab_strings. With a CRC, also what CONFIG_MODVERSIONS adds.
release=7.0.0
modules=$tmp/root/lib/modules/$release
mkdir -p "$modules/kernel" root/usr
ln -s ../lib root/usr/lib # kmod 34 looks in /usr/lib/modules, kmod 30 in /lib/modules
touch "$modules"/modules.{builtin,builtin.modinfo}
module() { # NAME: assembles standard input
	{ printf '.section .modinfo, "a"\n.string "license=GPL"\n.string "name=%s"\n' "$1"; cat; } |
		run binutils bin/as -o "$modules/kernel/$1.ko" -
}
export_symbol() { # SYMBOL NAMESPACE [CRC]
	cat <<-ASSEMBLY
		.data
		.globl $1
		$1: .quad 0
		.section __ksymtab_strings, "aMS", %progbits, 1
		__kstrtab_$1: .asciz "$1"
		__kstrtabns_$1: .asciz "$2"
		.section ___ksymtab+$1, "a"
		__ksymtab_$1: .long $1 - ., __kstrtab_$1 - ., __kstrtabns_$1 - .
	ASSEMBLY
	if [ $# = 3 ]; then
		printf '.section ___kcrctab+%s, "a"\n__crc_%s: .long %s\n' "$1" "$1" "$3"
	fi
}
show() { # TITLE
	for kmod in old new; do
		run $kmod bin/depmod -b "$tmp/root" $release
		echo "$1, $kmod kmod:"
		sed -n 's/^alias symbol:/  exported: /p' "$modules/modules.symbols" | sort
		grep '^kernel/user.ko:' "$modules/modules.dep" | sed 's/^/  dependencies: /'
	done
}

# user.ko needs the symbol "bus" of bus.ko. leaf.ko exports "leaf_read" in a namespace that is also called "bus".
echo '.data; .quad bus' | module user
printf 'kernel/%s.ko\n' bus leaf user > "$modules/modules.order"
{
	export_symbol bus '' | module bus
	export_symbol leaf_read bus | module leaf
	show 'without CRCs'
	export_symbol bus '' 0x11111111 | module bus
	export_symbol leaf_read bus 0x22222222 | module leaf
	show 'with CRCs'
	run binutils bin/strip --strip-unneeded "$modules/kernel/leaf.ko"
	show 'with CRCs, leaf.ko after strip --strip-unneeded'
} | tee result

wrong='  exported: bus leaf
  exported: leaf_read leaf
  dependencies: kernel/user.ko: kernel/leaf.ko'
right='  exported: bus bus
  exported: leaf_read leaf
  dependencies: kernel/user.ko: kernel/bus.ko'
diff result - <<EXPECTED
without CRCs, old kmod:
$wrong
without CRCs, new kmod:
$wrong
with CRCs, old kmod:
$right
with CRCs, new kmod:
$right
with CRCs, leaf.ko after strip --strip-unneeded, old kmod:
$wrong
with CRCs, leaf.ko after strip --strip-unneeded, new kmod:
$wrong
EXPECTED
