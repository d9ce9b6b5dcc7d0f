//! Verifiers that check something else than a chain and a name: nothing, the chain alone, a pin.
//!
//! The handshake signature is checked in any case, so the session is at least with the holder of
//! the certificate shown.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::CertificateFingerprint;

/// Checks the chain, whatever the name; or not even that.
#[derive(Debug)]
pub(super) struct ChainVerifier {
    roots: Option<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ChainVerifier {
    pub(super) fn of(roots: RootCertStore, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { roots: Some(roots), algorithms }
    }

    pub(super) fn of_nothing(algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { roots: None, algorithms }
    }
}

impl ServerCertVerifier for ChainVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.roots {
            rustls::client::verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(end_entity)?,
                roots,
                intermediates,
                now,
                self.algorithms.all,
            )?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Checks that the certificate is a certain one, and then what another verifier checks.
#[derive(Debug)]
pub(super) struct PinVerifier {
    fingerprint: CertificateFingerprint,
    then: Arc<dyn ServerCertVerifier>,
}

impl PinVerifier {
    pub(super) fn new(
        fingerprint: CertificateFingerprint,
        then: Arc<dyn ServerCertVerifier>,
    ) -> Self {
        Self { fingerprint, then }
    }
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown: [u8; 32] = Sha256::digest(end_entity).into();
        if !bool::from(shown.ct_eq(self.fingerprint.as_bytes())) {
            let mismatch = OtherFingerprint(shown.into());
            let error = CertificateError::Other(OtherError(Arc::new(mismatch)));
            return Err(error.into());
        }
        self.then.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.then.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.then.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.then.supported_verify_schemes()
    }
}

/// The certificate is not the one pinned.
#[derive(Debug)]
struct OtherFingerprint(CertificateFingerprint);

impl std::fmt::Display for OtherFingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = self.0;
        write!(f, "it is not the one that `ssl-fingerprint` pins; its SHA-256 is {shown}")
    }
}

impl std::error::Error for OtherFingerprint {}
