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
CNF
request() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
    -keyout "$1-key.pem" -out "$1.csr" -subj "/CN=$2"
}
sign() {
  openssl ca -batch -notext -config ca.cnf -startdate 20250101000000Z -enddate 21250101000000Z "$@"
}
for ca in ca foreign-ca; do
  request $ca "mywire test $ca"
  sign -selfsign -keyfile $ca-key.pem -in $ca.csr -out $ca.pem -extensions authority
done
request server db.example.test
sign -cert ca.pem -keyfile ca-key.pem -in server.csr -out server.pem -extensions server
cp ca.pem foreign-ca.pem server.pem server-key.pem "$here"
