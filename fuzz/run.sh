#!/usr/bin/env bash
# Fuzzes each target for some seconds: fuzz/run.sh [SECONDS [TARGET...]]; 20 seconds and all targets
# unless said otherwise. What is found goes to a folder that is thrown away; a crash ends the run and
# stays in fuzz/artifacts. FUZZ_SEED repeats a run, as far as its time goes. Without nightly Rust and
# cargo-fuzz it says so, and that is no failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
seconds=${1:-20}
shift || true
if ! cargo +nightly fuzz --version >/dev/null 2>&1; then
  echo "fuzz/run.sh: nothing was fuzzed: nightly Rust and cargo-fuzz are not both here"
  exit 0
fi
# The crate's warnings are for its own build.
unset RUSTFLAGS
targets=("$@")
[ "${#targets[@]}" -gt 0 ] || mapfile -t targets < <(cargo +nightly fuzz list)
started=$SECONDS
cargo +nightly fuzz build
echo "built in $((SECONDS - started)) s"
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
for target in "${targets[@]}"; do
  mkdir "$found/$target"
  log=$found/$target.log
  # Inputs that repeat what is known are not worth their time in so short a run: -max_len.
  if ! cargo +nightly fuzz run "$target" "$found/$target" "corpus/$target" -- \
    -max_total_time="$seconds" -max_len=1024 -timeout=60 -print_final_stats=1 -seed="${FUZZ_SEED:-0}" >"$log" 2>&1; then
    tail -n 60 "$log"
    echo "fuzz/run.sh: $target failed"
    exit 1
  fi
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  coverage=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1)
  echo "$target: $runs executions, $coverage"
done
