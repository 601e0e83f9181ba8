#!/bin/sh
# Records testdata/oracle/VERSION.txt: boots a real kernel under QEMU and notes what it does with every case.
#
#   tests/oracle/record.sh VERSION VMLINUZ [BOOT,...]
#
# Record 6.12 first: the transcripts of the others say only where they differ from it.
#
# VERSION is a folder of testdata/kernels, VMLINUZ the kernel of exactly that release: unpack its Debian package
# with `dpkg-deb -x`. With names of boots, only those are recorded, and the result goes to standard output.
# Needs gcc (for arm64: aarch64-linux-gnu-gcc and libc6-dev-arm64-cross) and qemu-system-x86_64 or -aarch64.
set -eu
version=$1 vmlinuz=$(realpath "$2") boots=${3:-}
root=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case $version in
*-arm64) cc=aarch64-linux-gnu-gcc ;;
*) cc=gcc ;;
esac
$cc -O2 -Wall -static -o "$work/init" "$root/tests/oracle/init.c"

cd "$root"
ORACLE_VERSION=$version ORACLE_VMLINUZ=$vmlinuz ORACLE_INIT=$work/init ORACLE_OUT=$work/out ORACLE_BOOTS=$boots \
	cargo test --quiet --test suite -- --ignored --exact oracle::record::record --nocapture >&2
if [ -n "$boots" ]; then
	cat "$work/out"
else
	mkdir -p testdata/oracle
	cp "$work/out" "testdata/oracle/$version.txt"
fi
