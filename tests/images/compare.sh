#!/usr/bin/env bash
# Compares what gplok recovers from a kernel's image (and its module tree) with the Module.symvers of the same build, row by row.
# Needs a kernel package and its headers package, unpacked: dpkg-deb -x FILE.deb DIR.
# usage: tests/images/compare.sh IMAGE MODULE_SYMVERS [TREE]
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
gplok=${GPLOK:-target/release/gplok}
image=$1 symvers=$2 tree=${3:-}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$gplok" exports -k "$image" ${tree:+-k "$tree"} 2>"$folder/notes" | LC_ALL=C sort >"$folder/recovered"
# Without a tree only the kernel's own rows can be there.
awk -F'\t' -v OFS='\t' -v all="$tree" '$3 == "vmlinux" || all != "" { print $1, $2, $3, $4, $5 }' "$symvers" |
	LC_ALL=C sort >"$folder/listed"
if LC_ALL=C diff "$folder/listed" "$folder/recovered" >"$folder/different"; then
	echo "$(wc -l <"$folder/listed") rows, all the same"
else
	echo "$(wc -l <"$folder/listed") rows listed, $(wc -l <"$folder/recovered") recovered; < listed, > recovered:"
	head -20 "$folder/different"
	cat "$folder/notes"
	exit 1
fi
