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
  '--all-features' "$(count --all-features)"
