#!/usr/bin/env bash
# How many crates a build of mywire has besides mywire itself.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
count() {
  echo "$(($(cargo tree -e normal --prefix none "$@" | sed 's/ (.*//' | sort -u | wc -l) - 1))"
}
printf '%-52s %s\n' \
  '--no-default-features' "$(count --no-default-features)" \
  '--no-default-features --features tokio' "$(count --no-default-features --features tokio)" \
  '--no-default-features --features blocking' "$(count --no-default-features --features blocking)" \
  '--no-default-features --features blocking,tls,ring' \
    "$(count --no-default-features --features blocking,tls,ring)" \
  '--no-default-features --features codec' "$(count --no-default-features --features codec)" \
  'default features and stream' "$(count --features stream)" \
  '--no-default-features --features tls,ring' "$(count --no-default-features --features tls,ring)" \
  '--no-default-features --features tokio,graviola' "$(count --no-default-features --features tokio,graviola)" \
  '--no-default-features --features tokio,aws-lc-rs' "$(count --no-default-features --features tokio,aws-lc-rs)" \
  '--no-default-features --features platform-verifier' "$(count --no-default-features --features platform-verifier)" \
  '--no-default-features --features rsa' "$(count --no-default-features --features rsa)" \
  'default features' "$(count)" \
  'default features and cli' "$(count --features cli)" \
  '--features full' "$(count --features full)" \
  '--all-features' "$(count --all-features)"

echo
echo 'what a feature adds to a build without others, beside what those that it turns on add:'
added() {
  local all before
  all=$(count --no-default-features --features "$1")
  before=$(count --no-default-features --features "$2")
  printf '%-20s +%s\n' "$1" "$((all - before))"
}
for feature in tokio blocking tls,ring tls,aws-lc-rs tls,graviola codec tracing compress simdutf8 rsa ed25519 parsec \
  chrono time jiff uuid rust_decimal bigdecimal serde_json serde login-path full; do
  added "$feature" ''
done
added stream tokio
added pool tokio
added webpki-roots tls
added platform-verifier tls
added zstd compress
added cli blocking,tls,ring,webpki-roots,compress,login-path
