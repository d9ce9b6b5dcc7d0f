//! T-81: no memory is given back with a password in it.

use counting_alloc::{sightings, watch_for};
use mywire::proto::{Login, Step, Transport};
use mywire::wire::Capabilities;
use mywire::{Config, Secret};
use sha1::Sha1;
#[cfg(any(feature = "ed25519", feature = "parsec"))]
use sha2::Sha512;
use sha2::{Digest, Sha256};

use crate::scripted::*;

/// As openssl writes it and a server sends it.
#[cfg(feature = "rsa")]
const PUBLIC_PEM: &str = "\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxmIbriTdgal3ZE8QJqRO
H1mXJ/2RxkhPKlL1XeyIf6fDkPXyMw1L7rmHvfAwdDJvY3WFNIqO5y52+25lWF0u
ajpg2fzWyw2eUYgO33OzYPUAruPHEtBQUaWzOZ79jZ3gR1yWUVNSzw5IHZuFQhCW
oO6oFzlOheLDHKWjCZR1PfpeRZ0ueiKUa1QLEQ1wsGUnEmkRLRC8olA6m/ImxUwM
ZGAvILFCgL2VPZrFV2iCg4kVvzCx6EE51SNFeBvui8SKF3QLUCkbtaCpvV7RHH9+
DRi8wKa5ijOCEHNRWdEkrnUbHPK9v4+rCm5OupRDzbzil7zFeDzXH8dQkprYe98D
PQIDAQAB
-----END PUBLIC KEY-----
";

/// The password in memory of this test's own, which it never frees while it looks.
fn password() -> Vec<u8> {
    let mut password = Vec::with_capacity(64);
    password.extend_from_slice(PASSWORD.as_bytes());
    password
}

fn left_behind(test: impl FnOnce()) -> usize {
    left_of(PASSWORD.as_bytes(), test)
}

fn left_of(needle: &'static [u8], test: impl FnOnce()) -> usize {
    watch_for(needle);
    test();
    let found = sightings();
    watch_for(&[]);
    found
}

#[test]
fn t81_the_watch_sees_what_is_left_behind() {
    assert_eq!(left_behind(|| drop(password())), 1);
    let grows = || {
        let mut grown = password();
        grown.reserve_exact(1 << 20);
        grown.fill(0);
    };
    assert_eq!(left_behind(grows), 1);
}

#[test]
fn t81_secrets_and_configurations_are_wiped() {
    assert_eq!(left_behind(|| drop(Secret::from(PASSWORD))), 0);
    assert_eq!(left_behind(|| drop(Secret::from(password()))), 0);
    assert_eq!(left_behind(|| drop(Secret::from(PASSWORD.to_owned()))), 0);
    let url = format!("mysql://app:{PASSWORD}@localhost/shop");
    let parsed = || {
        let config: Config = url.parse().unwrap();
        let copy = config.clone().password3(PASSWORD);
        drop((config, copy));
    };
    assert_eq!(left_behind(parsed), 0);
    // Percent-encoded, it is decoded into memory of its own.
    let encoded = url.replace("s3nt1nel", "s%33nt1nel");
    assert_eq!(left_behind(|| drop(encoded.parse::<Config>().unwrap())), 0);
    // A fault behind the password.
    for tail in ["?no-such-key=1", ":port", "/%zz"] {
        let wrong = format!("mysql://app:{PASSWORD}@localhost{tail}");
        assert_eq!(left_behind(|| drop(wrong.parse::<Config>().unwrap_err())), 0, "{tail}");
    }
}

/// A secret that is made of the password, to be looked for: it is never freed.
fn secret(bytes: &[u8]) -> &'static [u8] {
    Box::leak(bytes.into())
}

/// A login by what a server asks for, one packet after the other; the connection goes with it.
fn answers(transport: Transport, asked: &[Vec<u8>]) {
    let mut login = Login::new("app", password());
    login.transport = transport;
    login.policy = login.policy.fetch_server_public_key(true);
    let mut bare = Bare::new(login);
    bare.written = Vec::with_capacity(1 << 16);
    bare.feed(Packets::new(Capabilities::NONE, 0).greeting(&mysql()).bytes()).unwrap();
    let mut sequence = 2;
    for payload in asked {
        let before = bare.written.len();
        let packet = Packets::new(Capabilities::NONE, sequence).payload(payload);
        bare.feed(packet.bytes()).unwrap_or_else(|error| panic!("{error}: {payload:?}"));
        assert!(bare.written.len() > before, "no answer to {payload:?}");
        sequence += 2;
    }
    assert!(!takes_written(&mut bare), "the password was shown");
    let ok = Packets::new(bare.connection.capabilities(), sequence).ok();
    assert_eq!(bare.feed(ok.bytes()).unwrap(), [Step::Connected]);
}

fn switch(plugin: &str, data: &[u8]) -> Vec<u8> {
    [b"\xFE", plugin.as_bytes(), b"\0", data].concat()
}

#[cfg(any(feature = "rsa", feature = "parsec"))]
fn more(data: &[u8]) -> Vec<u8> {
    [b"\x01", data].concat()
}

/// The nonce that the hashes and RSA take in.
const TWENTY: &[u8; 20] = b"aaaaaaaabbbbbbbbcccc";

/// Who has the password's hash can go on as if it were the password (native), or try passwords
/// against it.
#[test]
fn t81_hashes_of_the_password_are_wiped() {
    let native = switch("mysql_native_password", &[&TWENTY[..], b"\0"].concat());
    let sha1 = Sha1::digest(PASSWORD);
    for needle in [secret(PASSWORD.as_bytes()), secret(&sha1), secret(&Sha1::digest(sha1))] {
        let login = || answers(Transport::Network, std::slice::from_ref(&native));
        assert_eq!(left_of(needle, login), 0);
    }
    let caching = switch("caching_sha2_password", &[&TWENTY[..], b"\0"].concat());
    let sha256 = Sha256::digest(PASSWORD);
    for needle in [secret(PASSWORD.as_bytes()), secret(&sha256), secret(&Sha256::digest(sha256))] {
        let login = || answers(Transport::Network, std::slice::from_ref(&caching));
        assert_eq!(left_of(needle, login), 0);
    }
}

/// What RSA encrypts is the password under a mask that everybody saw.
#[cfg(feature = "rsa")]
#[test]
fn t81_what_rsa_encrypts_is_wiped() {
    let nonce = [&TWENTY[..], b"\0"].concat();
    let terminated = [PASSWORD.as_bytes(), b"\0"].concat();
    let masked: Vec<u8> =
        terminated.iter().zip(TWENTY.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    let key = more(PUBLIC_PEM.as_bytes());
    for asked in [
        vec![switch("sha256_password", &nonce), key.clone()],
        vec![switch("caching_sha2_password", &nonce), more(&[4]), key],
    ] {
        for needle in [secret(PASSWORD.as_bytes()), secret(&masked)] {
            assert_eq!(left_of(needle, || answers(Transport::Network, &asked)), 0);
        }
    }
}

/// The key that an account of MariaDB signs with: a hash of the seed, whose halves are the scalar
/// and what the signature's secret is made with.
#[cfg(any(feature = "ed25519", feature = "parsec"))]
fn halves(seed: &[u8]) -> [&'static [u8]; 2] {
    let hash = Sha512::digest(seed);
    let mut scalar = hash[..32].to_vec();
    scalar[0] &= 248;
    scalar[31] = scalar[31] & 63 | 64;
    [secret(&scalar[1..31]), secret(&hash[32..])]
}

#[cfg(feature = "ed25519")]
#[test]
fn t81_the_key_of_ed25519_is_wiped() {
    let asked = [switch("client_ed25519", &[b'n'; 32])];
    let [scalar, prefix] = halves(PASSWORD.as_bytes());
    for needle in [secret(PASSWORD.as_bytes()), scalar, prefix] {
        assert_eq!(left_of(needle, || answers(Transport::Network, &asked)), 0);
    }
}

/// PBKDF2 with HMAC-SHA-512, once more and apart from the crate.
#[cfg(feature = "parsec")]
fn derive(password: &[u8], salt: &[u8], rounds: u32) -> Vec<u8> {
    let mac = |message: &[u8]| {
        let pad = |with: u8| {
            let mut block = [with; 128];
            block.iter_mut().zip(password).for_each(|(block, byte)| *block ^= byte);
            block
        };
        let inner = Sha512::new().chain_update(pad(0x36)).chain_update(message).finalize();
        Sha512::new().chain_update(pad(0x5C)).chain_update(inner).finalize()
    };
    let mut last = mac(&[salt, &[0, 0, 0, 1]].concat());
    let mut sum = last;
    for _ in 1..rounds {
        last = mac(&last);
        sum.iter_mut().zip(last).for_each(|(sum, byte)| *sum ^= byte);
    }
    sum[..32].to_vec()
}

#[cfg(feature = "parsec")]
#[test]
fn t81_the_key_of_parsec_is_wiped() {
    let salt = [b's'; 18];
    let asked = [switch("parsec", &[b'n'; 32]), more(&[&b"P\0"[..], &salt].concat())];
    let seed = derive(PASSWORD.as_bytes(), &salt, 1024);
    let [scalar, prefix] = halves(&seed);
    for needle in [secret(PASSWORD.as_bytes()), secret(&seed), scalar, prefix] {
        assert_eq!(left_of(needle, || answers(Transport::Network, &asked)), 0);
    }
}

/// What the server stores, with which it proves its certificate.
#[test]
fn t81_what_a_server_stores_of_the_password_is_wiped() {
    let stored = secret(&Sha1::digest(Sha1::digest(PASSWORD)));
    let proved = || {
        run(async {
            let session = crate::server_proof::log_in_with_proof().await;
            drop(session);
        });
    };
    assert_eq!(left_of(stored, proved), 0);
}

/// What the server asks for, up to the answer that holds the password.
fn logged_in(ask: impl FnOnce(Packets) -> Packets, in_clear: bool) {
    let mut login = Login::new("app", password());
    login.transport = Transport::UnixSocket;
    login.policy = login.policy.allow_clear_text(true);
    login.password2 = Some(PASSWORD.into());
    let mut bare = Bare::new(login);
    // What goes out is kept here, in memory that does not move, and is wiped below.
    bare.written = Vec::with_capacity(1 << 16);
    bare.feed(Packets::new(Capabilities::NONE, 0).greeting(&mysql()).bytes()).unwrap();
    let before = bare.written.len();
    bare.feed(ask(Packets::new(Capabilities::NONE, 2)).bytes()).unwrap();
    let answer = &bare.written[before..];
    let shown = answer.windows(PASSWORD.len()).any(|bytes| bytes == PASSWORD.as_bytes());
    assert_eq!(shown, in_clear);
    bare.written.fill(0);
    let ok = Packets::new(bare.connection.capabilities(), 4).ok();
    assert_eq!(bare.feed(ok.bytes()).unwrap(), [Step::Connected]);
}

#[test]
fn t81_a_login_leaves_no_password_in_memory() {
    let nonce = b"aaaaaaaabbbbbbbbcccc\0";
    let clear = |reply: Packets| reply.auth_switch("mysql_clear_password", b"");
    assert_eq!(left_behind(|| logged_in(clear, true)), 0);
    assert_eq!(left_behind(|| logged_in(|reply| reply.more_data(&[4]), true)), 0);
    let native = |reply: Packets| reply.auth_switch("mysql_native_password", nonce);
    assert_eq!(left_behind(|| logged_in(native, false)), 0);
    let dialog = |reply: Packets| reply.auth_switch("dialog", b"\x04Password: ");
    assert_eq!(left_behind(|| logged_in(dialog, true)), 0);
}

/// A login that brings everything that makes its packets long.
fn long_login() -> Login {
    let mut login = Login::new("app", password());
    login.transport = Transport::UnixSocket;
    login.policy = login.policy.allow_clear_text(true);
    login.database = Some("shop".repeat(20));
    login.attributes = [&[4][..], b"name", &[0xFC, 0, 1], &[b'x'; 256]].concat();
    login
}

/// What was written; it is wiped.
fn takes_written(bare: &mut Bare) -> bool {
    let shown = bare.written.windows(PASSWORD.len()).any(|bytes| bytes == PASSWORD.as_bytes());
    bare.written.fill(0);
    shown
}

/// In the answer to the greeting the password stands among other fields, for which the buffer must
/// not move.
#[test]
fn t81_a_login_request_with_the_password_leaves_none() {
    let in_the_request = || {
        let mut bare = Bare::new(long_login());
        bare.written = Vec::with_capacity(1 << 16);
        let greeting = mywire::wire::Greeting { auth_plugin: b"mysql_clear_password", ..mysql() };
        bare.feed(Packets::new(Capabilities::NONE, 0).greeting(&greeting).bytes()).unwrap();
        assert!(takes_written(&mut bare));
    };
    assert_eq!(left_behind(in_the_request), 0);
}

/// A change of the user, its answers in frames or not.
#[cfg(feature = "compress")]
#[test]
fn t81_a_change_of_the_user_leaves_no_password() {
    for compressed in [false, true] {
        let change = || {
            let mut first = long_login();
            if compressed {
                first.compression.algorithms = vec![mywire::Compression::Zlib];
            }
            let mut bare = Bare::new(first);
            bare.written = Vec::with_capacity(1 << 16);
            bare.feed(Packets::new(Capabilities::NONE, 0).greeting(&mysql()).bytes()).unwrap();
            let ok = Packets::new(bare.connection.capabilities(), 2).ok();
            assert_eq!(bare.feed(ok.bytes()).unwrap(), [Step::Connected]);
            bare.connection.change_user(long_login()).unwrap();
            let switch = Packets::new(Capabilities::NONE, 1).auth_switch("dialog", b"\x05?");
            let length = u8::try_from(switch.bytes().len()).unwrap();
            let header = [length, 0, 0, 1, 0, 0, 0];
            let frame = [if compressed { &header[..] } else { &[] }, switch.bytes()].concat();
            bare.feed(&frame).unwrap();
            assert!(takes_written(&mut bare));
        };
        assert_eq!(left_behind(change), 0, "{compressed}");
    }
}

/// The other places that passwords come from.
#[test]
fn t81_files_and_functions_leave_no_password() {
    let path = std::env::temp_dir().join(format!("mywire-{}-wiped", std::process::id()));
    std::fs::write(&path, format!("{PASSWORD}\r\n")).unwrap();
    let from_file = || {
        let config = Config::default().password_file(&path);
        drop(Login::from_config(&config).unwrap());
    };
    assert_eq!(left_behind(from_file), 0);
    std::fs::remove_file(&path).unwrap();
    let from_function = || {
        let config = Config::default().password_from(|| Ok(Secret::from(PASSWORD)));
        drop(Login::from_config(&config).unwrap());
    };
    assert_eq!(left_behind(from_function), 0);
}
