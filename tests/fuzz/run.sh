#!/usr/bin/env bash
# Fuzzes readers, one after the other, each for so many seconds, and prints what ran as a table:
#
#   tests/fuzz/run.sh SECONDS [TARGET...]
#
# A finding is a panic, an input that takes more than a second, or more than 512 MB of memory. It is kept below
# target/fuzz/artifacts, and the script ends with 1. Needs cargo-fuzz and a nightly compiler (Linux, x86-64 or arm64).
# It runs without a sanitizer, because gplok has no unsafe code; SANITIZER=address is for the C libraries below it.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -ge 1 ] || { sed -n 's/^#   //p' "$0"; exit 2; }
seconds=$1
shift
work=$PWD/target/fuzz
sanitizer=${SANITIZER:-none}
host=$(rustc +nightly -vV | sed -n 's/^host: //p')
[ $# -gt 0 ] || set -- $(sed -n '/^\[\[bin\]\]/,$s/^name = "\(.*\)"$/\1/p' tests/fuzz/Cargo.toml)

# Debug builds of the suite must not leak their settings into this one.
unset RUSTFLAGS CARGO_INCREMENTAL
cargo +nightly fuzz build --fuzz-dir tests/fuzz --sanitizer "$sanitizer" --target-dir "$work" >&2
GPLOK_SEEDS=$work/seeds cargo test --quiet --test suite -- --ignored fuzz::write_seeds >&2

# Readers of files write their input into a temporary folder first.
[ -d /dev/shm ] && export TMPDIR=/dev/shm
# The limit on one allocation works with a sanitizer only; without one, the address space is limited instead.
[ "$sanitizer" = none ] && ulimit -v $((2 << 20))

found=0
printf '%-20s %12s %8s %8s %8s %8s %7s  %s\n' target executions per-s edges features corpus MB findings
for target in "$@"; do
	corpus=$work/corpus/$target artifacts=$work/artifacts/$target log=$work/$target.log
	mkdir -p "$corpus" "$artifacts"
	[ ! -f "tests/fuzz/corpus/$target.tar.xz" ] || tar -xJf "tests/fuzz/corpus/$target.tar.xz" -C "$corpus"
	executions=0 peak=0 findings=0 start=$SECONDS
	# The fuzzer ends at a finding; it goes on with what is left of the time.
	while left=$((start + seconds - SECONDS)) && [ "$left" -gt 0 ] && [ "$findings" -lt 20 ]; do
		status=0
		nice "$work/$host/release/$target" "$corpus" "$work/seeds/$target" -max_total_time="$left" -timeout=1 \
			-rss_limit_mb=512 -malloc_limit_mb=512 -max_len=262144 -artifact_prefix="$artifacts/" \
			-print_final_stats=1 -reload=0 >"$log" 2>&1 || status=$?
		executions=$((executions + $(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -1)))
		rss=$(sed -n 's/^stat::peak_rss_mb: *//p' "$log" | tail -1)
		[ "${rss:-0}" -le "$peak" ] || peak=$rss
		[ "$status" -ne 0 ] || break
		findings=$((findings + 1))
		grep -hE "panicked at|^==.*ERROR|SUMMARY" "$log" | sed "s/^/$target: /" >&2 || true
	done
	last=$(grep -oE 'cov: [0-9]+ ft: [0-9]+ corp: [0-9]+' "$log" | tail -1)
	read -r _ edges _ features _ kept <<<"${last:-cov: 0 ft: 0 corp: 0}"
	took=$((SECONDS - start))
	printf '%-20s %12d %8d %8d %8d %8d %7d  %s\n' "$target" "$executions" $((executions / (took > 0 ? took : 1))) \
		"$edges" "$features" "$kept" "$peak" "$findings"
	[ "$findings" -eq 0 ] || found=1
done
exit "$found"
