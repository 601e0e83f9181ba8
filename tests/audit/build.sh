#!/bin/sh
# Builds the fixtures in testdata/audit, and checks that every shape has the shape it claims. Needs gcc 12,
# aarch64-linux-gnu-gcc 12, clang 14, binutils for both architectures, xz and python3.
set -eu
cd "$(dirname "$0")"
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
out=$scratch/out kept=../../testdata/audit
mkdir "$out"

common="-O2 -std=gnu11 -Wall -ffreestanding -fno-pic -fno-common -fno-strict-aliasing -fno-asynchronous-unwind-tables -fno-ident"
x86="$common -mcmodel=kernel -mno-red-zone -mno-sse -mno-mmx"
arm64="$common -mgeneral-regs-only -mno-outline-atomics"
bare="-fno-stack-protector -fcf-protection=none"
fentry="-pg -mfentry"
thunks="-mfunction-return=thunk-extern -mindirect-branch=thunk-extern -mindirect-branch-register -mindirect-branch-cs-prefix -mharden-sls=all"
canary_x86="-fstack-protector-strong -mstack-protector-guard-reg=gs -mstack-protector-guard-symbol=__stack_chk_guard"
canary_arm64="-fstack-protector-strong -mstack-protector-guard=sysreg -mstack-protector-guard-reg=sp_el0 -mstack-protector-guard-offset=1272"
cold_arm64="-freorder-blocks-and-partition"
frames="-fno-omit-frame-pointer -fno-optimize-sibling-calls"

# make SOURCE OBJECT LINKER COMPILER FLAG...
make() {
    source=$1 object=$2 ld=$3
    shift 3
    "$@" -c "$source" -o "$scratch/$object.o"
    "$ld" -r -T module.lds --strip-debug --build-id=none "$scratch/$object.o" -o "$out/$object"
}

gcc="gcc -mpreferred-stack-boundary=3" cross=aarch64-linux-gnu
clang_x86="clang --target=x86_64-linux-gnu -mstack-alignment=8" clang_arm64="clang --target=aarch64-linux-gnu"
make shapes.c shapes-x86_64.ko           ld $gcc $x86 $bare
make shapes.c shapes-x86_64-fentry.ko    ld $gcc $x86 $bare $fentry -mrecord-mcount
make shapes.c shapes-x86_64-mitigated.ko ld $gcc $x86 -fcf-protection=branch $fentry -mrecord-mcount $thunks $canary_x86
make shapes.c shapes-x86_64-frame.ko     ld $gcc $x86 $bare $frames
make shapes.c shapes-x86_64-clang.ko     ld $clang_x86 $x86 $bare $fentry -mretpoline-external-thunk
make shapes.c shapes-arm64.ko            $cross-ld $cross-gcc $arm64 -fno-stack-protector $cold_arm64
make shapes.c shapes-arm64-mitigated.ko  $cross-ld $cross-gcc $arm64 $canary_arm64 $cold_arm64 -mbranch-protection=pac-ret+bti \
    -fpatchable-function-entry=2
make shapes.c shapes-arm64-frame.ko      $cross-ld $cross-gcc $arm64 -fno-stack-protector $frames
make shapes.c shapes-arm64-clang.ko      $cross-ld $clang_arm64 $arm64 -fno-stack-protector
make hmm.c    hmm-x86_64.ko              ld $gcc $x86 -fno-stack-protector -fcf-protection=none $fentry -mrecord-mcount
make hmm.c    hmm-arm64.ko               $cross-ld $cross-gcc $arm64 -fno-stack-protector $cold_arm64

# What is expected, from the sources' own lines: family, export, code, symbols, paths (one for each symbol, with semicolons).
expected() {
    awk '
        $1 != "//@" { next }
        $4 == "-" { print $2 "\t" $3 "\tnone\t" $5 "\t-"; next }
        {
            symbols = split($5, symbol, ","); between = split(NF > 5 ? $6 : "-", path, ","); paths = ""
            for (i = 1; i <= symbols; i++) {
                way = path[between > 1 ? i : 1]; gsub(/>/, " > ", way)
                paths = paths (i > 1 ? "; " : "") $3 " > " (way == "-" ? "" : way " > ") symbol[i]
            }
            print $2 "\t" $3 "\t" ($4 == "L" ? "launders-gpl-only" : "exposes-unexported") "\t" $5 "\t" paths
        }' "$1.c" >"$out/$1.expected"
}

# The kernel these modules are for: what they need, but for what nobody exports. It has no symbol versions.
symvers() {
    name=$1 nobody=$2 only=$3
    { echo module_layout; nm -u "$out/$name"-*.ko | awk '$1 == "U" { print $2 }'; } | sort -u | grep -vE "^($nobody)\$" | awk -v only="^($only)\$" '
        { print "0x00000000\t" $1 "\tvmlinux\tEXPORT_SYMBOL" ($1 ~ only ? "_GPL" : "") "\t" }' >"$out/$name.symvers"
}
LC_ALL=C
export LC_ALL
expected shapes
expected hmm
rcu='__rcu_read_lock|__rcu_read_unlock|rcu_read_unlock_strict'
symvers shapes 'hidden_.*' "gpl_.*|$rcu"
symvers hmm 'walk_page_range|alloc_pages_vma' "$rcu|devm_memremap_pages|mmu_notifier_unregister_no_release|percpu_ref_init|percpu_ref_exit|percpu_ref_kill_and_confirm|region_intersects|__class_create"

cp shapes.c hmm.c "$out"
python3 verify.py "$out"
gcc -c object.S -o "$out/object-x86_64.o"
strip --strip-debug "$out/object-x86_64.o"
cp "$out"/*.expected "$out"/*.symvers "$out/object-x86_64.o" "$kept"
for module in "$out"/*.ko; do
    xz -9e --check=crc32 -c "$module" >"$kept/$(basename "$module").xz"
done
