//! How a MariaDB proves itself where its certificate does not (A-60): by the account's password.
//!
//! ```text
//!   TLS handshake ── trusted ──────────────────────────────────▶ login as ever
//!        │
//!        └─ no trust, but in order ─▶ login by a plugin ── OK ─▶ proof ─┬─ right ─▶ connected
//!                                     that keeps a hash                 └─ else  ─▶ dead
//! ```
//!
//! The server's last word of the login holds SHA256(H ‖ n ‖ F): the hash of the password that it
//! keeps, the greeting's nonce, and the SHA-256 of its certificate. Somebody between, who shows
//! another certificate, cannot make it without the hash. Until it was checked nothing is sent that
//! gives the password away, and nothing that was learnt counts.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::TlsError;

/// The plugins whose servers keep a hash that makes a proof, and whose answers give no password
/// away. The first is for a server whose own choice is none of them.
const PROVING: [&str; 3] = ["mysql_native_password", "client_ed25519", "parsec"];

/// The bytes of the greeting's nonce that go into a proof.
const NONCE: usize = 20;

/// The first byte of a proof: what kind it is. There is one.
const SHA256_OF_CERTIFICATE: u8 = 1;

/// The first MariaDB that proves itself.
const FIRST_VERSION: (u32, u32) = (11, 4);

/// Whether a server of this version can prove itself. Nobody vouches for the greeting's word; but
/// an honest server that cannot is left before anything is written.
pub(super) fn is_offered_by(version: &str) -> bool {
    let version = version.strip_prefix("5.5.5-").unwrap_or(version);
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= FIRST_VERSION,
        _ => false,
    }
}

/// A certificate that is in order and that nobody vouches for.
#[derive(Clone, Debug)]
pub(super) struct Untrusted {
    why: rustls::Error,
    fingerprint: [u8; 32],
}

/// Lets certificates pass for which only trust or the name is missing, and remembers that.
#[derive(Debug)]
pub(super) struct TolerantVerifier {
    verifier: Arc<dyn ServerCertVerifier>,
    untrusted: OnceLock<Untrusted>,
}

impl TolerantVerifier {
    /// For one connection: what it remembers is about one certificate.
    pub(super) fn new(verifier: Arc<dyn ServerCertVerifier>) -> Self {
        Self { verifier, untrusted: OnceLock::new() }
    }

    pub(super) fn untrusted(&self) -> Option<&Untrusted> {
        self.untrusted.get()
    }
}

impl ServerCertVerifier for TolerantVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            Err(why) if is_want_of_trust(&why) => {
                let fingerprint = Sha256::digest(end_entity).into();
                match self.untrusted.set(Untrusted { why, fingerprint }) {
                    Ok(()) => Ok(ServerCertVerified::assertion()),
                    // There is one handshake in a connection.
                    Err(second) => Err(second.why),
                }
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// An expired or revoked certificate, or a broken one, is not forgiven (A-62).
fn is_want_of_trust(error: &rustls::Error) -> bool {
    use CertificateError::{NotValidForName, NotValidForNameContext, UnknownIssuer};

    let rustls::Error::InvalidCertificate(why) = error else { return false };
    matches!(why, UnknownIssuer | NotValidForName | NotValidForNameContext { .. })
}

/// The proof that a server owes.
#[derive(Debug)]
pub(super) struct ServerProof {
    certificate: Untrusted,
    nonce: Vec<u8>,
}

impl ServerProof {
    /// `nonce` is the greeting's.
    pub(super) fn due(certificate: &Untrusted, nonce: &[u8]) -> Self {
        // Default plugins with a longer one begin it with these.
        let nonce = nonce.get(..NONCE).unwrap_or_default().to_vec();
        Self { certificate: certificate.clone(), nonce }
    }

    /// Whether the plugin may be used before the proof.
    pub(super) fn takes(plugin: &[u8]) -> bool {
        PROVING.iter().any(|name| name.as_bytes() == plugin)
    }

    /// The plugins that may be used before the proof.
    pub(super) fn plugins() -> impl Iterator<Item = &'static str> {
        PROVING.into_iter()
    }

    /// Checks the proof in the info of the login's OK. `hash` is what the server keeps of the
    /// password, if the plugin keeps any.
    pub(super) fn check(&self, info: &[u8], hash: Option<&[u8]>) -> Result<(), TlsError> {
        let Some(hash) = hash.filter(|_| self.nonce.len() == NONCE) else {
            return Err(self.missing("the login was one that proves nothing"));
        };
        let Some((&SHA256_OF_CERTIFICATE, digits)) = info.split_first() else {
            return Err(self.missing("it sent no proof that it knows the password"));
        };
        let Some(sent) = digest(digits) else {
            return Err(self.missing("its proof that it knows the password is malformed"));
        };
        let expected = Sha256::new()
            .chain_update(hash)
            .chain_update(&self.nonce)
            .chain_update(self.certificate.fingerprint)
            .finalize();
        // How much of a wrong proof is right must not show (T-82).
        match bool::from(expected.as_slice().ct_eq(&sent)) {
            true => Ok(()),
            false => Err(self.missing(
                "its proof that it knows the password is wrong: somebody may be in between",
            )),
        }
    }

    /// The error of a server that owes the proof and will not give it.
    pub(super) fn missing(&self, why: &'static str) -> TlsError {
        TlsError::Unproved { certificate: self.certificate.why.clone(), why }
    }
}

/// 64 hexadecimal digits of either case.
fn digest(digits: &[u8]) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = digits.try_into().ok()?;
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        for &digit in pair {
            let nibble = char::from(digit).to_digit(16).and_then(|n| u8::try_from(n).ok())?;
            *byte = *byte << 4 | nibble;
        }
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What MariaDB 11.8.9, with the certificate that it makes for itself, sent in a login of
    /// mysql_native_password with the password `pw-native`.
    const NONCE: &[u8] = b"?5,yC}o6ZF0\\`NFTPv$J";
    const FINGERPRINT: [u8; 32] = [
        0xcd, 0xc3, 0x3e, 0x11, 0x0b, 0x8c, 0x35, 0x9e, 0xf1, 0x55, 0xff, 0xdc, 0xa2, 0x47, 0x64,
        0xd8, 0x08, 0x20, 0x20, 0x47, 0xaf, 0x6a, 0x73, 0x42, 0x7c, 0xc5, 0x16, 0xdf, 0x9a, 0x00,
        0xc6, 0xf7,
    ];
    const PROOF: &[u8] = b"\x0131E4DCF75E0186CB74157ECACE0A41E20167701CBD7DC589BA977146C9B3D2B9";

    fn stored_hash(password: &str) -> Vec<u8> {
        use sha1::Sha1;
        Sha1::digest(Sha1::digest(password)).to_vec()
    }

    fn due(nonce: &[u8]) -> ServerProof {
        let why = CertificateError::UnknownIssuer.into();
        ServerProof::due(&Untrusted { why, fingerprint: FINGERPRINT }, nonce)
    }

    #[test]
    fn a60_a_real_servers_proof() {
        let hash = stored_hash("pw-native");
        due(NONCE).check(PROOF, Some(&hash)).unwrap();
        due(NONCE).check(&PROOF.to_ascii_lowercase(), Some(&hash)).unwrap();
        // A default plugin with a longer nonce.
        due(&[NONCE, b"more"].concat()).check(PROOF, Some(&hash)).unwrap();
    }

    #[test]
    fn e34_a64_every_other_word_is_refused() {
        let hash = stored_hash("pw-native");
        let mut wrong = PROOF.to_vec();
        wrong[64] = b'8';
        let mut kind = PROOF.to_vec();
        kind[0] = 2;
        let mut no_digit = PROOF.to_vec();
        no_digit[7] = b'G';
        let long = [PROOF, b"0"].concat();
        let words: [&[u8]; 7] = [b"", b"\x01", &wrong, &kind, &no_digit, &PROOF[..64], &long];
        for word in words {
            let error = due(NONCE).check(word, Some(&hash)).unwrap_err();
            assert!(matches!(error, TlsError::Unproved { .. }), "{error}");
        }
        for (nonce, hash) in [
            (NONCE, Some(stored_hash("pw-wrong"))),
            (NONCE, None),
            (&NONCE[..19], Some(hash.clone())),
            (b"another nonce here..", Some(hash)),
        ] {
            due(nonce).check(PROOF, hash.as_deref()).unwrap_err();
        }
    }

    /// A-62
    #[test]
    fn a62_only_want_of_trust_is_made_up_for() {
        use CertificateError as Why;
        for why in [Why::UnknownIssuer, Why::NotValidForName] {
            assert!(is_want_of_trust(&why.into()));
        }
        for why in
            [Why::Expired, Why::NotValidYet, Why::Revoked, Why::BadEncoding, Why::BadSignature]
        {
            assert!(!is_want_of_trust(&why.into()));
        }
        assert!(!is_want_of_trust(&rustls::Error::DecryptError));
    }

    #[test]
    fn a60_versions_that_offer_a_proof() {
        for version in
            ["11.4.1-MariaDB", "11.8.6-MariaDB-0+deb13u1", "5.5.5-11.4.2-MariaDB", "12.1"]
        {
            assert!(is_offered_by(version), "{version}");
        }
        for version in ["11.3.2-MariaDB", "5.5.5-10.11.19-MariaDB", "8.0.36", "", "MariaDB", "11"] {
            assert!(!is_offered_by(version), "{version}");
        }
    }
}
