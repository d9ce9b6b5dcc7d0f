//! The rustls configuration that a [`Config`] stands for.
//!
//! This sits above the pure layers: it reads the PEM files.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::config::{ClientIdentity, Config, ConfigError, Endpoint, PemSource, SslMode, is_ipv6};
use crate::secret::Secret;

/// Builds the rustls configuration for TLS in `mode`, reading the PEM files that `config` names.
///
/// Certificates and keys are read anew each time, so that a renewed file takes effect. The crypto
/// provider is the process default if there is one, else the one built in; none is installed.
///
/// # Errors
///
/// `Disabled`, which has no TLS; no crypto provider; a file that cannot be read (named, with the
/// system's error); PEM that does not hold what it must; verifying without trusted roots.
pub(crate) fn client_config(
    config: &Config,
    mode: SslMode,
) -> Result<Arc<ClientConfig>, ConfigError> {
    let provider = provider()?;
    let verifier = verifier(config, mode, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError::new(format!("TLS cannot be set up: {error}.")))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let client_config = match &config.ssl_identity {
        Some(identity) => {
            let (chain, key) = client_identity(identity)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                ConfigError::new(format!(
                    "The client certificate and its private key cannot be used: {error}."
                ))
            })?
        }
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(client_config))
}

/// The name that the server is asked for and verified by.
///
/// An IP address stays one, so no SNI is sent and the certificate must hold it as an IP (H-24,
/// E-24); the zone of an IPv6 address and the final dot of a host name are not part of any
/// certificate and go. A Unix socket counts as `localhost`.
///
/// # Errors
///
/// A host that is no valid name in TLS.
pub(crate) fn server_name(config: &Config) -> Result<ServerName<'static>, ConfigError> {
    let name = match (&config.tls_server_name, &config.endpoint) {
        (Some(name), _) => name.as_str(),
        (None, Endpoint::Tcp { host, .. }) => host.as_str(),
        (None, Endpoint::Socket(_)) => "localhost",
    };
    let name = match name.split_once('%') {
        Some((address, _zone)) if is_ipv6(name) => address,
        _ => name.strip_suffix('.').unwrap_or(name),
    };
    ServerName::try_from(name.to_owned()).map_err(|_| {
        ConfigError::new(
            "The host is not a name that TLS can ask for; set `tls-server-name` to the name in \
             the server's certificate (international names in their xn-- form).",
        )
    })
}

/// Whether this process can encrypt at all.
pub(crate) fn has_provider() -> bool {
    provider().is_ok()
}

fn provider() -> Result<Arc<CryptoProvider>, ConfigError> {
    if let Some(provider) = CryptoProvider::get_default() {
        return Ok(Arc::clone(provider));
    }
    built_in_provider()
}

#[cfg(feature = "ring")]
#[expect(clippy::unnecessary_wraps, reason = "other features decide whether there is one")]
fn built_in_provider() -> Result<Arc<CryptoProvider>, ConfigError> {
    Ok(Arc::new(rustls::crypto::ring::default_provider()))
}

#[cfg(not(feature = "ring"))]
fn built_in_provider() -> Result<Arc<CryptoProvider>, ConfigError> {
    Err(ConfigError::new(
        "TLS has no cryptography: build mywire with its feature `ring`, or install a process-wide \
         rustls CryptoProvider before connecting.",
    ))
}

fn verifier(
    config: &Config,
    mode: SslMode,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, ConfigError> {
    let algorithms = provider.signature_verification_algorithms;
    match mode {
        SslMode::Disabled => Err(ConfigError::new(
            "TLS is disabled by the SSL mode DISABLED; choose another mode to use it.",
        )),
        SslMode::Preferred | SslMode::Required => {
            Ok(Arc::new(LenientVerifier { roots: None, algorithms }))
        }
        SslMode::VerifyCa => {
            let ca = config.ssl_ca.as_ref().ok_or_else(|| {
                // Public authorities sign for anyone: without the name they prove nothing.
                ConfigError::new(
                    "The SSL mode VERIFY_CA needs the CA that signed the server's certificate; \
                     give it by `ssl-ca`, or use VERIFY_IDENTITY.",
                )
            })?;
            Ok(Arc::new(LenientVerifier { roots: Some(roots_from(ca)?), algorithms }))
        }
        SslMode::VerifyIdentity => {
            let roots = match &config.ssl_ca {
                Some(ca) => roots_from(ca)?,
                None => public_roots()?,
            };
            let builder =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
            let verifier = builder.build().map_err(|error| {
                ConfigError::new(format!("The server's certificate cannot be verified: {error}."))
            })?;
            Ok(verifier)
        }
    }
}

fn roots_from(ca: &PemSource) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    let (added, _ignored) = roots.add_parsable_certificates(certificates(ca, "CA certificates")?);
    if added == 0 {
        return Err(ConfigError::new(format!(
            "None of the CA certificates{} can be used; they must be X.509 certificates.",
            location(ca)
        )));
    }
    Ok(roots)
}

#[cfg(feature = "webpki-roots")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature there are none")]
fn public_roots() -> Result<RootCertStore, ConfigError> {
    Ok(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
}

#[cfg(not(feature = "webpki-roots"))]
fn public_roots() -> Result<RootCertStore, ConfigError> {
    Err(ConfigError::new(
        "Verifying the server needs trusted roots: give the CA by `ssl-ca`, or build mywire with \
         its feature `webpki-roots`.",
    ))
}

fn client_identity(
    identity: &ClientIdentity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), ConfigError> {
    let chain = certificates(&identity.cert, "client certificate")?;
    let pem = read(&identity.key, "client's private key")?;
    let key = PrivateKeyDer::from_pem_slice(pem.expose()).map_err(|_| {
        ConfigError::new(format!(
            "The client's private key{} is not an unencrypted key in PEM.",
            location(&identity.key)
        ))
    })?;
    Ok((chain, key))
}

fn certificates(
    source: &PemSource,
    what: &str,
) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let pem = read(source, what)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.expose()).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(ConfigError::new(format!(
            "The {what}{} cannot be used: there is no CERTIFICATE section in the PEM.",
            location(source)
        ))),
        Err(error) => Err(ConfigError::new(format!(
            "The {what}{} cannot be used: the PEM is broken ({}).",
            location(source),
            pem_error(&error)
        ))),
    }
}

fn read(source: &PemSource, what: &str) -> Result<Secret, ConfigError> {
    match source {
        PemSource::Bytes(bytes) => Ok(bytes.clone()),
        PemSource::File(path) => {
            std::fs::read(path).map(Secret::from).map_err(|error| unreadable(what, path, &error))
        }
    }
}

fn unreadable(what: &str, path: &Path, error: &dyn Display) -> ConfigError {
    ConfigError::new(format!("The {what} cannot be read from {}: {error}.", path.display()))
}

fn location(source: &PemSource) -> String {
    match source {
        PemSource::File(path) => format!(" in {}", path.display()),
        PemSource::Bytes(_) => String::new(),
    }
}

/// The parser's own messages quote the text, which may be a private key in the wrong place.
fn pem_error(error: &rustls::pki_types::pem::Error) -> &'static str {
    use rustls::pki_types::pem::Error;
    match error {
        Error::MissingSectionEnd { .. } => "a section does not end",
        Error::IllegalSectionStart { .. } => "a section begins badly",
        Error::Base64Decode(_) => "it is not base64",
        _ => "it cannot be parsed",
    }
}

/// Checks less than a name and a chain: nothing, or only the chain.
///
/// The handshake signature is checked in any case, so the session is at least with the holder of
/// the certificate shown.
#[derive(Debug)]
struct LenientVerifier {
    roots: Option<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for LenientVerifier {
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

#[cfg(all(test, feature = "ring"))]
mod tests;
