//! What TLS trusts and shows: CA certificates, a pin, a client certificate, or the caller's own
//! rustls configuration.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::{Config, ConfigError};
use crate::secret::Secret;

/// Where certificates or a key come from, PEM or DER.
#[derive(Clone, Debug)]
pub(crate) enum PemSource {
    File(PathBuf),
    /// A [`Secret`] because a private key may be among them.
    #[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "only TLS reads it"))]
    Bytes(Secret),
}

/// Whom a certificate is trusted from.
#[derive(Clone, Debug)]
pub(crate) enum CaSource {
    Certificates(PemSource),
    /// The operating system's own trust.
    System,
}

/// The certificate chain and private key that we show to the server.
#[derive(Clone, Debug)]
pub(crate) struct ClientIdentity {
    pub(crate) cert: PemSource,
    pub(crate) key: PemSource,
}

/// The SHA-256 of a certificate in DER, as `openssl x509 -fingerprint -sha256` prints it.
///
/// Parsed from 64 hexadecimal digits in either case, with or without colons between pairs; printed
/// in upper case without.
///
/// ```
/// use mywire::CertificateFingerprint;
///
/// let hex = "AB".repeat(32);
/// let fingerprint: CertificateFingerprint = hex.parse().unwrap();
/// assert_eq!(fingerprint.as_bytes(), &[0xAB; 32]);
/// assert_eq!(fingerprint.to_string(), hex);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CertificateFingerprint([u8; 32]);

impl CertificateFingerprint {
    /// The digest's bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for CertificateFingerprint {
    fn from(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

impl FromStr for CertificateFingerprint {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let malformed = || {
            ConfigError::new(
                "A certificate's fingerprint is its SHA-256 in 64 hexadecimal digits, with or \
                 without colons, as `openssl x509 -noout -fingerprint -sha256` prints it.",
            )
        };
        // A colon stands only between two pairs.
        let pairs: Vec<&str> = match text.contains(':') {
            true => text.split(':').collect(),
            false if text.is_ascii() && text.len() == 64 => {
                (0..32).filter_map(|pair| text.get(2 * pair..2 * pair + 2)).collect()
            }
            false => return Err(malformed()),
        };
        let byte = |pair: &&str| {
            // A sign would pass `from_str_radix`.
            let digits = pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
            digits.then(|| u8::from_str_radix(pair, 16).ok())?
        };
        let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
        let digest = bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(malformed)?;
        Ok(Self(digest))
    }
}

impl fmt::Display for CertificateFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for CertificateFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateFingerprint({self})")
    }
}

/// The caller's rustls configuration; not shown, because it can hold keys.
#[cfg(feature = "tls")]
#[derive(Clone)]
pub(crate) struct OwnTls(pub(crate) std::sync::Arc<rustls::ClientConfig>);

#[cfg(feature = "tls")]
impl fmt::Debug for OwnTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnTls(..)")
    }
}

impl Config {
    /// Trusts the CA certificates in a file, PEM or one in DER, and no others.
    ///
    /// The file is read at each connect. Unless a mode is set, the server's identity is verified
    /// from then on. With the mode `REQUIRED` the CA is not looked at and nothing is verified, as with
    /// the servers' own clients, whose option files say both; it cannot be combined with the modes
    /// `DISABLED` and `PREFERRED`.
    pub fn ssl_ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ssl_ca = Some(CaSource::Certificates(PemSource::File(path.into())));
        self
    }

    /// Trusts these CA certificates in PEM, and no others; otherwise like [`Config::ssl_ca_file`].
    pub fn ssl_ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ssl_ca = Some(CaSource::Certificates(PemSource::Bytes(Secret::from(pem.into()))));
        self
    }

    /// Trusts this CA certificate in DER, and no other; otherwise like [`Config::ssl_ca_file`].
    pub fn ssl_ca_der(self, der: impl Into<Vec<u8>>) -> Self {
        // What begins like PEM is PEM, and no DER does.
        self.ssl_ca_pem(der)
    }

    /// Trusts whom the operating system trusts, and verifies the server's identity unless a mode is
    /// set. Needs the feature `platform-verifier`.
    pub fn ssl_ca_system(mut self) -> Self {
        self.ssl_ca = Some(CaSource::System);
        self
    }

    /// Pins the server's certificate by the SHA-256 of its DER.
    ///
    /// TLS with another certificate is refused in every mode. Without a CA the pin stands in for
    /// both the chain and the name: a self-signed certificate is proved by it, and the channel
    /// counts as verified. With a CA that is checked as well, as the mode says. Cannot be combined
    /// with the modes `DISABLED` and `PREFERRED`, which a pin would not help.
    ///
    /// An expired certificate passes if it is the one pinned and no CA is given.
    pub fn ssl_fingerprint(mut self, fingerprint: impl Into<CertificateFingerprint>) -> Self {
        self.ssl_fingerprint = Some(fingerprint.into());
        self
    }

    /// Shows the server a client certificate: files of the chain (own certificate first) and of its
    /// unencrypted private key (PKCS#8, PKCS#1 or SEC1), PEM or DER. Both are read at each connect.
    pub fn ssl_cert_files(mut self, cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.ssl_identity = Some(ClientIdentity {
            cert: PemSource::File(cert.into()),
            key: PemSource::File(key.into()),
        });
        self
    }

    /// Shows the server a client certificate given as PEM; otherwise like
    /// [`Config::ssl_cert_files`].
    pub fn ssl_cert_pem(mut self, cert: impl Into<Vec<u8>>, key: impl Into<Secret>) -> Self {
        self.ssl_identity = Some(ClientIdentity {
            cert: PemSource::Bytes(Secret::from(cert.into())),
            key: PemSource::Bytes(key.into()),
        });
        self
    }

    /// Sets the name to ask for and to verify in TLS, when it is not the host (H-24).
    pub fn tls_server_name(mut self, name: impl Into<String>) -> Self {
        self.tls_server_name = Some(name.into());
        self
    }

    /// Speaks TLS by the caller's own rustls configuration: its provider, roots, verifier, versions
    /// and client certificate.
    ///
    /// It is used as it is, so a CA, a pin or a client certificate beside it is an error. It is
    /// taken to verify the server, so that clear-text plugins count the channel as verified; if it
    /// does not, say so by [`SslMode::Required`](crate::SslMode::Required). The proof by which a
    /// MariaDB makes up for an untrusted certificate is not used.
    #[cfg(feature = "tls")]
    pub fn tls_config(mut self, config: std::sync::Arc<rustls::ClientConfig>) -> Self {
        self.own_tls = Some(OwnTls(config));
        self
    }

    /// Whether the caller's own rustls configuration is used.
    pub(crate) fn has_own_tls(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.own_tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_parse_as_openssl_prints_them() {
        let colons = vec!["0f"; 32].join(":");
        for text in ["0F".repeat(32), "0f".repeat(32), colons] {
            let fingerprint: CertificateFingerprint = text.parse().unwrap();
            assert_eq!(fingerprint.as_bytes(), &[0x0F; 32]);
            assert_eq!(fingerprint.to_string(), "0F".repeat(32));
        }
        let pair_short = vec!["0f"; 31].join(":");
        let signs = vec!["+f"; 32].join(":");
        let shifted = format!("{}:{}", "0f".repeat(16), "0f".repeat(16));
        for text in
            ["", ":", "0f", &"0g".repeat(32), &"é".repeat(32), &pair_short, &signs, &shifted]
        {
            let error = text.parse::<CertificateFingerprint>().unwrap_err().to_string();
            assert!(error.contains("64 hexadecimal digits"), "{text}: {error}");
        }
    }
}
