#!/bin/bash
# LIEF writes back an unchanged module with the old signature and other bytes under it
#
# Tool: LIEF 1.0.0 (PyPI), lief.parse(FILE).write(FILE) with no change in between.
#
# Expected: one of two things. Either nothing was changed, so the file is the same, byte for byte; or the writer lays the file
# out anew, and then drops what follows the ELF image, as strip, objcopy and eu-strip do. Their output is an unsigned module.
#
# What happens: LIEF builds name tables anew, in its own order (here .shstrtab), and adjusts the headers. It then copies what
# follows the ELF image ("overlay") to its old place. So the module still ends in its signature, modinfo still shows it, the size
# is the same, and the signature no longer fits. (btrfs.ko of Debian's btrfs-modules-6.1.0-50-amd64-di 6.1.176-1, whose signature
# takes 721 bytes: 125,199 of 3,855,577 bytes differ, and the size is the same. LIEF 0.16.4 does likewise.)
#
# Output:
#   size unchanged: True
#   appended signature unchanged: True
#   signed part unchanged: False
#   sections with other bytes: .shstrtab
#   .shstrtab before: b'\x00.text\x00.modinfo\x00.symtab\x00.strtab\x00.shstrtab\x00'
#   .shstrtab after:  b'\x00.modinfo\x00.shstrtab\x00.strtab\x00.symtab\x00.text\x00'
#
# Why it matters: a kernel that does not insist on signatures loads an unsigned module, and one signed with a key that it does not
# know, with a taint; a signature by a key that it trusts and that does not verify is refused always. So what reads as "the tool
# kept the signature" turns a module that loads into one that does not, where strip turns it into one that loads with a taint.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m pip install --quiet --no-cache-dir --disable-pip-version-check --root-user-action=ignore --target python lief==1.0.0
export PYTHONPATH=$tmp/python PYTHONDONTWRITEBYTECODE=1

python3 - <<'PYTHON' | tee result
import struct
import lief

MAGIC = b"~Module signature appended~\n"

def module(path, names):
    """Writes a relocatable file with one global symbol per name, and the trailer of a 256-byte PKCS#7 signature."""
    strtab, symtab = b"\0", bytes(24)
    for name in names:
        symtab += struct.pack("<IBBHQQ", len(strtab), 0x12, 0, 1, 0, 0)
        strtab += name.encode() + b"\0"
    sections = [("", 0, 0, b"", 0, 0, 0), (".text", 1, 6, b"\xc3", 0, 0, 0), (".modinfo", 1, 2, b"license=GPL\0", 0, 0, 0),
        (".symtab", 2, 0, symtab, 4, 1, 24), (".strtab", 3, 0, strtab, 0, 0, 0), (".shstrtab", 3, 0, b"", 0, 0, 0)]
    shstrtab = b"".join(section[0].encode() + b"\0" for section in sections)
    body, headers, name, places = b"", b"", 0, []
    for title, kind, flags, data, link, info, entsize in sections:
        data = shstrtab if title == ".shstrtab" else data
        body += b"\0" * (-len(body) % 8)
        headers += struct.pack("<IIQQQQIIQQ", name, kind, flags, 0, 64 + len(body), len(data), link, info, 8, entsize)
        places.append((title, 64 + len(body), len(data)))
        body += data
        name += len(title) + 1
    body += b"\0" * (-len(body) % 8)
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 1, 62, 1, 0, 0, 64 + len(body), 0,
        64, 0, 0, 64, len(sections), len(sections) - 1)
    signature = bytes(range(256))
    trailer = struct.pack(">BBBBB3xI", 0, 0, 2, 0, 0, len(signature)) + MAGIC
    open(path, "wb").write(head + body + headers + signature + trailer)
    return len(signature) + len(trailer), places

appended, places = module("before.ko", ["cleanup_module", "init_module"])
lief.logging.disable()
lief.parse("before.ko").write("after.ko")
before, after = open("before.ko", "rb").read(), open("after.ko", "rb").read()
print("size unchanged:", len(before) == len(after))
print("appended signature unchanged:", before[-appended:] == after[-appended:])
print("signed part unchanged:", before[:-appended] == after[:-appended])
changed = [name for name, start, size in places if before[start:start + size] != after[start:start + size]]
print("sections with other bytes:", *changed)
names = next(slice(start, start + size) for name, start, size in places if name == ".shstrtab")
print(".shstrtab before:", before[names])
print(".shstrtab after: ", after[names])
PYTHON

diff result - <<'EXPECTED'
size unchanged: True
appended signature unchanged: True
signed part unchanged: False
sections with other bytes: .shstrtab
.shstrtab before: b'\x00.text\x00.modinfo\x00.symtab\x00.strtab\x00.shstrtab\x00'
.shstrtab after:  b'\x00.modinfo\x00.shstrtab\x00.strtab\x00.symtab\x00.text\x00'
EXPECTED
