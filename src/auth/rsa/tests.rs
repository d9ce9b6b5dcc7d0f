use ::rsa::pkcs8::EncodePublicKey;
use ::rsa::{PrivateKey, rand_core::TryRng};

use super::super::tests::{NONCE, hex};
use super::*;

/// The primes of the key below, which is no secret: it exists for these tests only.
const PRIME_1: &str = "\
    ed339f311fbf7657d0e9eb1441c1ed3e9da7131772f8d2de3f61577cec386260d6cbb438bb00aac9\
    54231c928fb525e50fd820816a35b217edd66b3c6221ffd2af90a8be542d7debe2c73818d3e11fda\
    9c9ecc3ea5702cc71a0d9bb38df6b6c0a1215dadff7ccfacfa33221cd3b0f349d25b0d51ec401142\
    5d32d5d2cf3451f5";
const PRIME_2: &str = "\
    d61aeee7f3a61cfe9565e9c70f0fbdfd4c0d84fb3bea3b486d7c317317fe26f9bf9df1cfc02c91b5\
    cd6698670f72f02a869af41094fab247c988711101e06224d27758f9bca24651a99e38d60a40970b\
    97c2467dbc58ff764d13c015464c6c796db8b5e3709bcfba219bae507e10b1d68b82a657445b4919\
    72dbfc9810b17729";

/// As openssl writes it and a server sends it.
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

pub(in super::super) fn public_pem() -> &'static [u8] {
    PUBLIC_PEM.as_bytes()
}

fn private_key() -> PrivateKey {
    let prime = |text: &str| {
        let bytes: Vec<u8> = (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect();
        BoxedUint::from_be_slice(&bytes, 1024).unwrap()
    };
    PrivateKey::from_p_q(prime(PRIME_1), prime(PRIME_2), BoxedUint::from(65_537_u32)).unwrap()
}

/// A key that the `rsa` crate itself may refuse to make, in PEM.
fn pem(modulus: &[u8], exponent: &[u8]) -> String {
    let integer = |value: &[u8]| match value {
        [0x80..=0xFF, ..] => der(0x02, &[&[0], value].concat()),
        _ => der(0x02, value),
    };
    let key = der(0x30, &[integer(modulus), integer(exponent)].concat());
    let algorithm = der(0x30, &[der(0x06, RSA_ENCRYPTION), der(0x05, &[])].concat());
    let info = der(0x30, &[algorithm, der(0x03, &[&[0], key.as_slice()].concat())].concat());
    armoured(&info)
}

const RSA_ENCRYPTION: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];

fn der(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let head = match length {
        [0, short] if short < 0x80 => vec![tag, short],
        [0, long] => vec![tag, 0x81, long],
        [high, low] => vec![tag, 0x82, high, low],
    };
    [head.as_slice(), body].concat()
}

fn armoured(der: &[u8]) -> String {
    ::rsa::pkcs8::Document::try_from(der).unwrap().to_pem("PUBLIC KEY", Default::default()).unwrap()
}

fn reason(pem: &[u8]) -> &'static str {
    match public_key(pem) {
        Err(AuthError::ServerPublicKey { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

/// A-15, E-25: the password lengths around the nonce's.
#[test]
fn the_mask_repeats_the_twenty_bytes() {
    let alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (length, expected) in [
        (19, "6060606060606060606060606060606060606014"),
        (20, "606060606060606060606060606060606060606001"),
        (21, "60606060606060606060606060606060606060607402"),
        (40, "60606060606060606060606060606060606060607474747c7c7c464a4a4e4e4a4a46465a5a5e5e5a01"),
    ] {
        assert_eq!(hex(&masked(&Secret::from(&alphabet[..length]), &NONCE)), expected);
    }
}

/// the private key gives the password back.
#[test]
fn round_trip() {
    let key = private_key();
    assert_eq!(key.to_public_key().to_public_key_pem(Default::default()).unwrap(), PUBLIC_PEM);
    for length in [0, 1, 19, 20, 21, 40, 213] {
        let password = "x".repeat(length);
        let encrypted = encrypt_password(public_pem(), &Secret::from(password.as_str()), &NONCE);
        let mut message = key.decrypt(Oaep::<Sha1>::new(), &encrypted.unwrap()).unwrap();
        for (byte, mask) in message.iter_mut().zip(NONCE.iter().cycle()) {
            *byte ^= mask;
        }
        assert_eq!(message, [password.as_bytes(), &[0]].concat());
    }
}

/// A-14, T-23: the longest password is k − 43 bytes and its NUL.
#[test]
fn a_long_password_is_an_error() {
    for length in [214, 215, 1 << 20] {
        let password = Secret::from(vec![b'x'; length]);
        let error = encrypt_password(public_pem(), &password, &NONCE).unwrap_err();
        assert_eq!(error, AuthError::PasswordTooLong { max: 213 });
    }
}

/// What servers add around the PEM does no harm.
#[test]
fn pem_may_be_framed() {
    let crlf = PUBLIC_PEM.replace('\n', "\r\n");
    for text in [PUBLIC_PEM.trim_end(), &format!("\n{PUBLIC_PEM}\n\0"), &crlf] {
        assert!(public_key(text.as_bytes()).is_ok(), "{text:?}");
    }
}

/// A-16, T-07
#[test]
fn bad_keys_are_errors() {
    let odd = |bytes: usize| {
        let mut modulus = vec![0xC5; bytes];
        modulus[bytes - 1] |= 1;
        modulus
    };
    assert!(public_key(pem(&odd(256), &[3]).as_bytes()).is_ok());
    assert!(public_key(pem(&odd(1024), &[1, 0, 1]).as_bytes()).is_ok());
    let mut bits_2047 = odd(256);
    bits_2047[0] = 0x7F;
    let mut even = odd(256);
    even[255] &= 0xFE;
    for (what, modulus, exponent) in [
        ("512 bits", odd(64), &[1, 0, 1][..]),
        ("1024 bits", odd(128), &[1, 0, 1]),
        ("2047 bits", bits_2047, &[1, 0, 1]),
        ("8200 bits", odd(1025), &[1, 0, 1]),
        ("even modulus", even, &[1, 0, 1]),
        ("modulus 0", vec![0], &[3]),
        ("e = 0", odd(256), &[0]),
        ("e = 1", odd(256), &[1]),
        ("e = 2", odd(256), &[2]),
        ("e even", odd(256), &[1, 0, 0]),
        ("e over 33 bits", odd(256), &[4, 0, 0, 0, 1]),
        ("e as long as the modulus", odd(256), &[0x7F; 256]),
    ] {
        let text = pem(&modulus, exponent);
        assert!(public_key(text.as_bytes()).is_err(), "{what}");
    }
}

/// A-16, T-07
#[test]
fn garbage_is_an_error() {
    let oversized = format!("{PUBLIC_PEM}{}", "\n".repeat(16 << 10));
    assert!(reason(oversized.as_bytes()).contains("16 KiB"));
    assert!(reason(b"").contains("BEGIN PUBLIC KEY"));
    assert!(reason(b"\xFF").contains("not PEM"));
    assert!(reason(PUBLIC_PEM.replace("PUBLIC", "PRIVATE").as_bytes()).contains("BEGIN"));
    for cut in 27..PUBLIC_PEM.len() - 2 {
        assert!(public_key(&public_pem()[..cut]).is_err(), "cut at {cut}");
    }
    let (head, tail) = ("-----BEGIN PUBLIC KEY-----\n", "\n-----END PUBLIC KEY-----\n");
    for body in ["", "AAAA", "!!!!", "MAA="] {
        assert!(public_key(format!("{head}{body}{tail}").as_bytes()).is_err(), "{body}");
    }
}

/// A key of another algorithm (here: the OID of an elliptic curve key) is not tried.
#[test]
fn another_algorithm_is_an_error() {
    let oid = der(0x06, &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01]);
    let algorithm = der(0x30, &[oid, der(0x05, &[])].concat());
    let info = der(0x30, &[algorithm, der(0x03, &[0, 4, 1, 2])].concat());
    assert!(public_key(armoured(&info).as_bytes()).is_err());
}

struct BrokenRng;

impl TryRng for BrokenRng {
    type Error = std::fmt::Error;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Err(std::fmt::Error)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Err(std::fmt::Error)
    }

    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Self::Error> {
        Err(std::fmt::Error)
    }
}

impl TryCryptoRng for BrokenRng {}

#[test]
fn a_broken_rng_is_an_error() {
    let key = public_key(public_pem()).unwrap();
    let error = encrypt_with(&mut BrokenRng, &key, b"message").unwrap_err();
    assert_eq!(error, AuthError::NoRandomness);
}
