#!/bin/sh
# Makes testdata/kernels/VERSION: the small part of a kernel's facts that the suite needs.
#
#   tests/oracle/facts.sh VERSION FOLDER
#
# FOLDER holds the kernel's whole Module.symvers, config, release and certs.pem. The file `profile` is written by
# hand: the size of struct module and the offsets of init and exit in it are read off any module of the kernel
# (`readelf -S` and `readelf -r`, .gnu.linkonce.this_module), vermagic is in its .modinfo.
set -eu
version=$1 from=$2
here=$(dirname "$0")
to=$here/../../testdata/kernels/$version
mkdir -p "$to"
cp "$from/release" "$from/certs.pem" "$to/"
awk -F '\t' 'NR == FNR { wanted[$1]; next } $2 in wanted' "$here/symbols" "$from/Module.symvers" |
	LC_ALL=C sort -t "$(printf '\t')" -k2,2 >"$to/Module.symvers"
grep -E "^# Linux/.* Kernel Configuration|^(# )?CONFIG_($(paste -sd'|' "$here/options"))(=| is not set)" "$from/config" >"$to/config"
