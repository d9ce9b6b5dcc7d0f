#!/bin/sh
# Makes the certificates of the scripted TLS server anew, see README.md.
set -eu
cd "$(dirname "$0")"
here=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
touch index
cat > ca.cnf <<'CNF'
[ca]
default_ca = test
[test]
database = index
new_certs_dir = .
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
[any]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:db.example.test, IP:127.0.0.1
[wildcard]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:*.example.test
[nameless]
basicConstraints = critical, CA:FALSE
[own]
subjectKeyIdentifier = hash
CNF
request() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
    -keyout "$1-key.pem" -out "$1.csr" -subj "/CN=$2"
}
sign_from_to() {
  from=$1 to=$2; shift 2
  openssl ca -batch -notext -config ca.cnf -startdate "${from}0101000000Z" -enddate "${to}0101000000Z" "$@"
}
sign() { sign_from_to 2025 2125 "$@"; }
for ca in ca foreign-ca; do
  request $ca "mywire test $ca"
  sign -selfsign -keyfile $ca-key.pem -in $ca.csr -out $ca.pem -extensions authority
done
request server db.example.test
sign -cert ca.pem -keyfile ca-key.pem -in server.csr -out server.pem -extensions server
# The others have the same key.
by_ca() { sign_from_to "$1" "$2" -cert ca.pem -keyfile ca-key.pem -in server.csr -out "$3.pem" -extensions "$4"; }
by_ca 2020 2021 expired server
by_ca 2120 2121 early server
by_ca 2025 2125 wildcard wildcard
by_ca 2025 2125 nameless nameless
# As MariaDB makes one for itself: X.509 version 3 and no name.
openssl req -new -key server-key.pem -out own.csr -subj "/CN=MariaDB Server"
sign -selfsign -keyfile server-key.pem -in own.csr -out self-signed.pem -extensions own
sign_from_to 2020 2021 -selfsign -keyfile server-key.pem -in own.csr -out self-signed-expired.pem -extensions own
cp ca.pem foreign-ca.pem server.pem server-key.pem expired.pem early.pem wildcard.pem nameless.pem \
  self-signed.pem self-signed-expired.pem "$here"
