#!/bin/bash
# GNU strip and objcopy turn the livepatch relocations of a section into ordinary ones, unless it has an ordinary one too
#
# Tools: binutils 2.40-2 (Debian bookworm) and 2.44-3 (trixie), `strip -g` and plain `objcopy`; for comparison `eu-strip -g` of
# elfutils 0.188-2.1.
#
# Expected: `strip -g` removes debug information and `objcopy IN OUT` copies. Both leave the relocations of a relocatable file
# alone, as packages that strip their modules rely on. If the tools could not handle a section type, they would refuse, or
# treat all such sections alike.
#
# What happens: it depends on the neighbours of the section. Where .text has an ordinary relocation, .klp.rela.vmlinux..text
# survives, with its name, flags and symbol. Where all relocations of .text are livepatch relocations, the section becomes
# `.rela.text`, without SHF_RELA_LIVEPATCH, and its relocation refers to no symbol at all: BFD reads the first relocation
# section of a target as *the* relocations of that target, and writes a relocation against a symbol in a reserved section
# (SHN_LIVEPATCH) with value 0 as one against symbol 0. No warning, exit status 0, in both versions. eu-strip keeps both files
# right.
#
# Output:
#   only.ko:
#     .klp.rela.vmlinux..text -> .klp.sym.vmlinux.cmdline_proc_show,0
#   only.ko after old.strip:
#     .rela.text -> no symbol
#   only.ko after old.objcopy:
#     .rela.text -> no symbol
#   only.ko after new.strip:
#     .rela.text -> no symbol
#   only.ko after new.objcopy:
#     .rela.text -> no symbol
#   only.ko after eu-strip:
#     .klp.rela.vmlinux..text -> .klp.sym.vmlinux.cmdline_proc_show,0
#   both.ko:
#     .rela.text -> _printk
#     .klp.rela.vmlinux..text -> .klp.sym.vmlinux.cmdline_proc_show,0
#   both.ko after old.strip:
#     .rela.text -> _printk
#     .klp.rela.vmlinux..text -> .klp.sym.vmlinux.cmdline_proc_show,0
#   (the same two lines after old.objcopy, new.strip, new.objcopy and eu-strip)
#
# Why it matters: .modinfo still says livepatch=Y and the symbol is still in the symbol table, so the module looks like a
# livepatch. But the kernel finds an ordinary relocation against the null symbol, and nothing left for livepatch to resolve.
# Whoever judges a livepatch module has to judge the file that is installed, not the one that was built.
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
libraries=(libc6 zlib1g libzstd1)
unpack old binutils=2.40-2 binutils-common=2.40-2 binutils-x86-64-linux-gnu=2.40-2 libbinutils=2.40-2 "${libraries[@]/%//bookworm}"
unpack new binutils=2.44-3 binutils-common=2.44-3 binutils-x86-64-linux-gnu=2.44-3 libbinutils=2.44-3 libsframe1=2.44-3 \
	"${libraries[@]/%//trixie}"
libraries+=(libbz2-1.0 liblzma5)
unpack elfutils elfutils=0.188-2.1 libelf1=0.188-2.1 libdw1=0.188-2.1 "${libraries[@]/%//bookworm}"

# A livepatch module as Documentation/livepatch/module-elf-format.rst describes it: the symbol has the section index
# SHN_LIVEPATCH, its relocation section is named .klp.rela.OBJECT.SECTION and flagged SHF_RELA_LIVEPATCH | SHF_ALLOC.
# only.ko has no other relocation in .text; both.ko has an ordinary one too.
python3 - <<'PYTHON'
import struct

SYMTAB, STRTAB, RELA = 2, 3, 4

def elf(path, sections, symbols):
    link = len(sections) + 1
    names, symtab = b"\0", struct.pack("<IBBHQQ", 0, 0, 0, 0, 0, 0)
    for name, info, section in symbols:
        symtab += struct.pack("<IBBHQQ", len(names), info, 0, section, 0, 0)
        names += name.encode() + b"\0"
    sections = [("", 0, 0, b"", 0, 0)] + sections + [
        (".symtab", SYMTAB, 0, symtab, 1, 24), (".strtab", STRTAB, 0, names, 0, 0), (".shstrtab", STRTAB, 0, b"", 0, 0)]
    shstrtab = b"".join(s[0].encode() + b"\0" for s in sections)
    body, headers, name = b"", b"", 0
    for title, kind, flags, data, info, entsize in sections:
        data = shstrtab if title == ".shstrtab" else data
        body += b"\0" * (-len(body) % 8)
        target = {RELA: link, SYMTAB: link + 1}.get(kind, 0)
        headers += struct.pack("<IIQQQQIIQQ", name, kind, flags, 0, 64 + len(body), len(data), target, info, 8, entsize)
        body += data
        name += len(title) + 1
    body += b"\0" * (-len(body) % 8)
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 1, 62, 1, 0, 0, 64 + len(body), 0,
        64, 0, 0, 64, len(sections), len(sections) - 1)
    open(path, "wb").write(head + body + headers)

text = (".text", 1, 6, b"\xe8\0\0\0\0\xe8\0\0\0\0\xc3", 0, 0)
modinfo = (".modinfo", 1, 2, b"license=GPL\0livepatch=Y\0name=patch\0", 0, 0)
symbols = [("init_module", 0x12, 1), ("_printk", 0x10, 0), (".klp.sym.vmlinux.cmdline_proc_show,0", 0x10, 0xFF20)]
ordinary = (".rela.text", RELA, 0x40, struct.pack("<QIIq", 6, 4, 2, -4), 1, 24)
livepatch = (".klp.rela.vmlinux..text", RELA, 0x100042, struct.pack("<QIIq", 1, 4, 3, -4), 1, 24)
elf("only.ko", [text, modinfo, livepatch], symbols)
elf("both.ko", [text, modinfo, ordinary, livepatch], symbols)
PYTHON

relocations() { # FILE: one line per relocation, "SECTION -> SYMBOL"
	run old bin/readelf -rW "$1" | awk '/^Relocation section/ { section = substr($3, 2, length($3) - 2) }
		/R_X86_64/ { print "  " section " -> " ($5 ~ /^[._a-z]/ ? $5 : "no symbol") }'
}
for module in only both; do
	echo "$module.ko:"
	relocations $module.ko | tee $module.before
	for binutils in old new; do
		run $binutils bin/strip -g -o $module.$binutils.strip $module.ko
		run $binutils bin/objcopy $module.ko $module.$binutils.objcopy
	done
	run elfutils bin/eu-strip -g -o $module.eu-strip $module.ko
	for tool in old.strip old.objcopy new.strip new.objcopy eu-strip; do
		echo "$module.ko after $tool:"
		relocations $module.$tool | tee $module.$tool.after
	done
done

expected='  .rela.text -> no symbol'
for tool in old.strip old.objcopy new.strip new.objcopy; do
	test "$(cat only.$tool.after)" = "$expected"
	cmp both.before both.$tool.after
done
cmp only.before only.eu-strip.after
cmp both.before both.eu-strip.after
