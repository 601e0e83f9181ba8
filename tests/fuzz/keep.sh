#!/usr/bin/env bash
# Adds what tests/fuzz/run.sh has found to the corpus that the repository keeps: of all inputs, those that are needed to
# reach every line that they reach together.
#
#   tests/fuzz/keep.sh [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$PWD/target/fuzz
host=$(rustc +nightly -vV | sed -n 's/^host: //p')
[ $# -gt 0 ] || set -- $(sed -n '/^\[\[bin\]\]/,$s/^name = "\(.*\)"$/\1/p' tests/fuzz/Cargo.toml)
[ -d /dev/shm ] && export TMPDIR=/dev/shm

mkdir -p tests/fuzz/corpus
for target in "$@"; do
	kept=$work/kept/$target
	rm -rf "$kept"
	mkdir -p "$kept"
	nice "$work/$host/release/$target" -set_cover_merge=1 -rss_limit_mb=1024 "$kept" "$work/corpus/$target" \
		"$work/seeds/$target" >"$work/$target.log" 2>&1
	tar -cJf "tests/fuzz/corpus/$target.tar.xz" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$kept" .
	printf '%-20s %6d inputs %10d bytes packed\n' "$target" "$(find "$kept" -type f | wc -l)" \
		"$(stat -c %s "tests/fuzz/corpus/$target.tar.xz")"
done
