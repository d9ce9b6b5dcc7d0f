//! The rustls configuration that a [`Config`] stands for.
//!
//! This sits above the pure layers: it reads the certificates' files.

mod provider;
mod verifier;

use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use zeroize::Zeroizing;

use crate::config::{
    CaSource, ClientIdentity, Config, ConfigError, Endpoint, OwnTls, PemSource, SslMode, is_ipv6,
};
use crate::secret::Secret;
use provider::provider;
use verifier::{ChainVerifier, PinVerifier};

/// The longest file of certificates or of a key that is read, in bytes: all public authorities
/// together take a quarter of a MiB. A URL can name any file, and some have no end.
const MAX_FILE: u64 = 4 << 20;

/// What a [`Config`] says about TLS.
#[derive(Debug)]
pub(crate) struct TlsSetup {
    pub(crate) client_config: Arc<ClientConfig>,
    /// Whether a handshake proves who the server is.
    pub(crate) verifies: bool,
    /// The verifier whose want of trust a MariaDB may make up for by the account's password:
    /// there if the server is to be verified and the caller said nothing about whom to trust.
    pub(crate) verifier: Option<Arc<dyn ServerCertVerifier>>,
}

/// Builds the rustls configuration for TLS in `mode`, reading the files that `config` names, or
/// takes the caller's own.
///
/// Certificates and keys are read anew each time, so that a renewed file takes effect. The crypto
/// provider is that of [`provider`]; none is installed.
///
/// # Errors
///
/// `Disabled`, which has no TLS; no crypto provider; a file that cannot be read (named, with the
/// system's error); one that does not hold what it must; verifying without trusted roots.
pub(crate) fn tls_setup(config: &Config, mode: SslMode) -> Result<TlsSetup, ConfigError> {
    if let Some(OwnTls(own)) = &config.own_tls {
        let client_config = Arc::clone(own);
        return Ok(TlsSetup { client_config, verifies: mode.verifies_peer(), verifier: None });
    }
    let provider = provider()?;
    let verifier = verifier(config, mode, &provider)?;
    let is_unsaid = config.ssl_ca.is_none() && config.ssl_fingerprint.is_none();
    let may_be_proved = is_unsaid && mode == SslMode::VerifyIdentity;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError::new(format!("TLS cannot be set up: {error}.")))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&verifier));
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
    Ok(TlsSetup {
        client_config: Arc::new(client_config),
        verifies: mode.verifies_peer() || config.ssl_fingerprint.is_some(),
        verifier: may_be_proved.then_some(verifier),
    })
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

/// Whether TLS to this configuration can be encrypted at all.
pub(crate) fn has_provider(config: &Config) -> bool {
    config.has_own_tls() || provider().is_ok()
}

fn verifier(
    config: &Config,
    mode: SslMode,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, ConfigError> {
    let by_mode = verifier_of_mode(config, mode, provider)?;
    Ok(match config.ssl_fingerprint {
        Some(fingerprint) => Arc::new(PinVerifier::new(fingerprint, by_mode)),
        None => by_mode,
    })
}

fn verifier_of_mode(
    config: &Config,
    mode: SslMode,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, ConfigError> {
    let algorithms = provider.signature_verification_algorithms;
    // A pinned certificate is proved by its pin alone.
    let by_pin = config.ssl_fingerprint.is_some() && config.ssl_ca.is_none();
    match mode {
        SslMode::Disabled => Err(ConfigError::new(
            "TLS is disabled by the SSL mode DISABLED; choose another mode to use it.",
        )),
        SslMode::VerifyCa | SslMode::VerifyIdentity if by_pin => {
            Ok(Arc::new(ChainVerifier::of_nothing(algorithms)))
        }
        SslMode::Preferred | SslMode::Required => {
            Ok(Arc::new(ChainVerifier::of_nothing(algorithms)))
        }
        SslMode::VerifyCa => match &config.ssl_ca {
            Some(CaSource::Certificates(ca)) => {
                Ok(Arc::new(ChainVerifier::of(roots_from(ca)?, algorithms)))
            }
            // Public authorities sign for anyone: without the name they prove nothing.
            Some(CaSource::System) | None => Err(ConfigError::new(
                "The SSL mode VERIFY_CA needs the CA that signed the server's certificate; give \
                 it by `ssl-ca`, or use VERIFY_IDENTITY.",
            )),
        },
        SslMode::VerifyIdentity => match &config.ssl_ca {
            Some(CaSource::Certificates(ca)) => verify_identity(roots_from(ca)?, provider),
            Some(CaSource::System) => system_verifier(provider),
            None => public_verifier(provider),
        },
    }
}

fn verify_identity(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, ConfigError> {
    let builder =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let verifier = builder.build().map_err(|error| {
        ConfigError::new(format!("The server's certificate cannot be verified: {error}."))
    })?;
    Ok(verifier)
}

#[cfg(feature = "platform-verifier")]
fn system_verifier(
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, ConfigError> {
    let verifier = rustls_platform_verifier::Verifier::new(Arc::clone(provider));
    let verifier = verifier.map_err(|error| {
        ConfigError::new(format!(
            "The operating system's CA certificates cannot be used: {error}. Give the CA by \
             `ssl-ca`."
        ))
    })?;
    Ok(Arc::new(verifier))
}

#[cfg(not(feature = "platform-verifier"))]
fn system_verifier(_: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, ConfigError> {
    Err(ConfigError::new(
        "The operating system's CA certificates need mywire's feature `platform-verifier`; build \
         with it, or give the CA by `ssl-ca`.",
    ))
}

/// Mozilla's authorities, else the operating system's.
fn public_verifier(
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, ConfigError> {
    #[cfg(feature = "webpki-roots")]
    return verify_identity(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(), provider);
    #[cfg(all(feature = "platform-verifier", not(feature = "webpki-roots")))]
    return system_verifier(provider);
    #[cfg(not(any(feature = "webpki-roots", feature = "platform-verifier")))]
    {
        let _ = provider;
        Err(ConfigError::new(
            "Verifying the server needs trusted roots: give the CA by `ssl-ca`, or build mywire \
             with its feature `webpki-roots` or `platform-verifier`.",
        ))
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

fn client_identity(
    identity: &ClientIdentity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), ConfigError> {
    let chain = certificates(&identity.cert, "client certificate")?;
    let key = read(&identity.key, "client's private key")?;
    Ok((chain, private_key(key.expose()).ok_or_else(|| unusable_key(&identity.key, &key))?))
}

fn private_key(bytes: &[u8]) -> Option<PrivateKeyDer<'static>> {
    if is_pem(bytes) {
        return PrivateKeyDer::from_pem_slice(bytes).ok();
    }
    PrivateKeyDer::try_from(bytes.to_vec()).ok()
}

/// Why a key cannot be used, without a word of it (T-80).
fn unusable_key(source: &PemSource, key: &Secret) -> ConfigError {
    let holds = |text: &str| key.expose().windows(text.len()).any(|bytes| bytes == text.as_bytes());
    // PKCS#8's own heading, and the header of OpenSSL's older form.
    let why = if holds("BEGIN ENCRYPTED PRIVATE KEY") || holds("Proc-Type: 4,ENCRYPTED") {
        "is encrypted: decrypt it (`openssl pkey -in KEY -out PLAIN`)"
    } else if holds("BEGIN CERTIFICATE") && !holds("PRIVATE KEY") {
        "holds a certificate and no key: are the two swapped?"
    } else {
        "is not a private key in PEM or DER (PKCS#8, PKCS#1 or SEC1)"
    };
    ConfigError::new(format!("The client's private key{} {why}.", location(source)))
}

/// Whether bytes are PEM rather than DER, whose first byte is 0x30 for everything here.
fn is_pem(bytes: &[u8]) -> bool {
    bytes.first() != Some(&0x30)
}

fn certificates(
    source: &PemSource,
    what: &str,
) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let bytes = read(source, what)?;
    if !is_pem(bytes.expose()) {
        return Ok(vec![CertificateDer::from(bytes.expose().to_vec())]);
    }
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes.expose()).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(ConfigError::new(format!(
            "The {what}{} cannot be used: there is no CERTIFICATE section in the PEM, and it is no DER.",
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
            let unreadable = |error| unreadable(what, path, &error);
            let mut bytes = Zeroizing::new(Vec::new());
            let file = File::open(path).map_err(unreadable)?;
            let length = file.metadata().map_err(unreadable)?.len().min(MAX_FILE);
            // The whole space at once: a key that is read is never moved (T-81).
            bytes.reserve_exact(usize::try_from(length).unwrap_or(0) + 1);
            file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
            if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE) {
                let error = format!("it is longer than {MAX_FILE} bytes");
                return Err(self::unreadable(what, path, &error));
            }
            Ok(Secret::from(std::mem::take(&mut *bytes)))
        }
    }
}

/// The system's error says whether the file is missing or its permissions are in the way.
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

#[cfg(all(test, any(feature = "ring", feature = "aws-lc-rs", feature = "graviola")))]
mod tests;
