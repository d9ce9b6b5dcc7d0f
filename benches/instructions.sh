#!/usr/bin/env bash
# Instructions per row and per execution, counted by callgrind: the difference between two runs, so that the set-up
# does not count. The figures are the same whatever else the machine does.
#
#   benches/instructions.sh [SHAPE...]   all shapes, or some, such as `binary-ints8`
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# -gt 0 ] || set -- {text,binary}-{ints8,mixed7,strings4,bytes4,accents4,one,cols50,nulls16,money6}
bench=$(cargo bench --bench rows --features serde --no-run --message-format=json 2>/dev/null |
  sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
few=20000 many=60000
count() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$bench" "$@" 2>&1 |
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}
printf '%-16s %10s %10s %10s %10s\n' instr/row drain next batch serde
for shape in "$@"; do
  printf '%-16s' "$shape"
  ways=(drain next batch)
  case $shape in *-ints8|*-mixed7|*-strings4) ways+=(serde);; esac
  for way in "${ways[@]}"; do
    a=$(count "$shape" "$way" "$few") b=$(count "$shape" "$way" "$many")
    printf ' %10s' $(((b - a) / (many - few)))
  done
  echo
done
printf '\n%-16s\n' instr/execution
for way in params0 params8 types8; do
  a=$(count "$way" "$few") b=$(count "$way" "$many")
  printf '%-16s %10s\n' "$way" $(((b - a) / (many - few)))
done
