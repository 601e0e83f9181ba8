#!/bin/bash
# modinfo shows some signed modules as unsigned, and calls the authority the signer
#
# Tools: modinfo of kmod 30+20221128-1 (Debian bookworm) and kmod 34.2-2 (trixie). The signatures have the form of the kernel's
# scripts/sign-file and are verified by openssl; modules signed by sign-file of Debian's linux-kbuild-6.1 6.1.176-1, with and
# without its option -k, and with sha256 and sha3-512, gave the same results.
#
# Expected: modinfo prints sig_id, signer, sig_key, sig_hashalgo and signature for a module that ends in a well-formed signature,
# whichever hash it uses and whichever way it names its key. `signer` is who signed. A module without these lines is unsigned.
#
# What happens:
#   - A signature that names its key by subject key identifier (sign-file -k) is not shown by either version: all five lines are
#     missing, there is no message, and the exit status is 0. libkmod only knows signatures by issuer and serial number.
#   - A signature with SHA-3 is shown by 34.2, and is not shown by 30, whose table of hashes ends before SHA-3. Kernels from 6.7
#     on can be configured to sign with SHA-3.
#   - `signer` is the common name of the certificate's issuer. The team that signed here is called "Example Kernel Team"; modinfo
#     says "Example Authority". The two only agree for self-signed certificates. (`sig_key` is the serial number, not a key.)
#
# Output:
#   sha256-by-issuer, old kmod: sig_id: PKCS#7 signer: Example Authority sig_hashalgo: sha256
#   sha256-by-issuer, new kmod: sig_id: PKCS#7 signer: Example Authority sig_hashalgo: sha256
#   sha3-512-by-issuer, old kmod:
#   sha3-512-by-issuer, new kmod: sig_id: PKCS#7 signer: Example Authority sig_hashalgo: sha3-512
#   sha256-by-key-id, old kmod:
#   sha256-by-key-id, new kmod:
#
# Why it matters: "modinfo shows no signature" does not mean that the kernel sees none. The kernel looks at the marker at the end
# of the file, and reports a bad signature in a different way from a missing one. A judge of modules has to read the marker, too.
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
unpack new kmod=34.2-2 libkmod2=34.2-2 libc6/trixie libssl3t64/trixie zlib1g/trixie libzstd1/trixie openssl/trixie
openssl() { run new bin/openssl "$@"; }

# A certificate authority, and the key of a team that builds modules, certified by it.
printf '[req]\ndistinguished_name = name\n[name]\n' > empty.cnf
printf 'subjectKeyIdentifier = hash\n' > team.cnf
export OPENSSL_CONF=$tmp/empty.cnf
{
	openssl req -x509 -newkey rsa:2048 -nodes -keyout authority.key -out authority.pem -subj '/CN=Example Authority' -days 3650
	openssl req -newkey rsa:2048 -nodes -keyout team.key -out team.csr -subj '/CN=Example Kernel Team'
	openssl x509 -req -in team.csr -CA authority.pem -CAkey authority.key -set_serial 0x1234567890 -days 3650 \
		-extfile team.cnf -out team.pem
} 2> log || { cat log; exit 1; }

python3 - <<'PYTHON'
import struct
modinfo, names = b"license=GPL\0name=example\0", b"\0.modinfo\0.shstrtab\0"
body = (modinfo + names).ljust(64, b"\0")
def section(name, kind, flags, offset, size):
    return struct.pack("<IIQQQQIIQQ", name, kind, flags, 0, offset, size, 0, 0, 1, 0)
head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 1, 62, 1, 0, 0, 64 + len(body), 0, 64, 0, 0, 64, 3, 2)
open("example.ko", "wb").write(head + body + section(0, 0, 0, 0, 0) + section(1, 1, 2, 64, len(modinfo))
    + section(10, 3, 0, 64 + len(modinfo), len(names)))
PYTHON

# What scripts/sign-file does: a detached CMS signature, then struct module_signature (id_type 2 is PKCS#7), then the marker.
sign() { # NAME HASH OPTION...
	openssl cms -sign -binary -noattr -nocerts -nosmimecap -in example.ko -signer team.pem -inkey team.key -md "$2" \
		-outform DER -out "$1.p7s" "${@:3}"
	openssl cms -verify -binary -inform DER -in "$1.p7s" -content example.ko -certfile team.pem -noverify -out verified.ko 2> log ||
		{ cat log; exit 1; }
	python3 - "$1" <<-'PYTHON'
		import struct, sys
		module, signature = (open(name, "rb").read() for name in ("example.ko", sys.argv[1] + ".p7s"))
		trailer = struct.pack(">BBBBB3xI", 0, 0, 2, 0, 0, len(signature)) + b"~Module signature appended~\n"
		open(sys.argv[1] + ".ko", "wb").write(module + signature + trailer)
	PYTHON
}
sign sha256-by-issuer sha256
sign sha3-512-by-issuer sha3-512
sign sha256-by-key-id sha256 -keyid

ln -s kmod old/usr/bin/modinfo
ln -s kmod new/usr/bin/modinfo
for module in sha256-by-issuer sha3-512-by-issuer sha256-by-key-id; do
	for kmod in old new; do
		echo "$module, $kmod kmod: $(run $kmod bin/modinfo $module.ko | grep -E '^(sig_id|signer|sig_hashalgo)' | tr -s ' \n' ' ')"
	done
done | tee result

diff result - <<'EXPECTED'
sha256-by-issuer, old kmod: sig_id: PKCS#7 signer: Example Authority sig_hashalgo: sha256 
sha256-by-issuer, new kmod: sig_id: PKCS#7 signer: Example Authority sig_hashalgo: sha256 
sha3-512-by-issuer, old kmod: 
sha3-512-by-issuer, new kmod: sig_id: PKCS#7 signer: Example Authority sig_hashalgo: sha3-512 
sha256-by-key-id, old kmod: 
sha256-by-key-id, new kmod: 
EXPECTED
