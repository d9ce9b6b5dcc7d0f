//! How TLS is used, and what a configuration that does not say gets.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::{Config, ConfigError, Endpoint};

/// How the connection is encrypted and what is checked of the server.
///
/// Parsed from and printed in MySQL's spelling (`VERIFY_CA`); parsing ignores case and takes `-`
/// for `_`. What applies when no mode is given: [`Config::effective_ssl_mode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SslMode {
    /// No TLS, even if the server offers it.
    Disabled,
    /// TLS if the server offers it and this build has it, else plain text. Whoever controls the network can strip it
    /// (T-04).
    Preferred,
    /// TLS or an error. The certificate is not checked, so this stops listeners but no active
    /// attacker: somebody in between poses as the server, asks for the full exchange of
    /// `caching_sha2_password`, and gets the password itself. Against them only a verified server
    /// helps: a CA, a pin, or `VerifyIdentity` alone with a MariaDB that proves itself.
    ///
    /// A switch from the greeting's plugin to `sha256_password`, which does the same, is refused unless
    /// [`Config::auth_plugins`] names it.
    Required,
    /// TLS with a certificate that the configured CA signed, for whatever name.
    VerifyCa,
    /// TLS with a certificate from a trusted CA that names the host we connect to, or with the one
    /// that is pinned.
    ///
    /// Without a CA and a pin, a MariaDB from 11.4 on may prove itself by the account's password
    /// instead, so that its self-signed certificate needs no setup: the server shows that it
    /// knows the hash of the password and of this very certificate. Until it has, only plugins that
    /// do not give the password away are answered; somebody in between gets no more than an answer
    /// to try passwords against, and is found out. It takes a password that is hard to guess.
    VerifyIdentity,
}

impl SslMode {
    /// Whether a connection in this mode has proved who the server is.
    pub fn verifies_peer(self) -> bool {
        matches!(self, Self::VerifyCa | Self::VerifyIdentity)
    }

    /// Whether a server without TLS is refused, before anything about the user is sent (H-23).
    pub fn requires_tls(self) -> bool {
        !matches!(self, Self::Disabled | Self::Preferred)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Disabled => "DISABLED",
            Self::Preferred => "PREFERRED",
            Self::Required => "REQUIRED",
            Self::VerifyCa => "VERIFY_CA",
            Self::VerifyIdentity => "VERIFY_IDENTITY",
        }
    }
}

impl fmt::Display for SslMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for SslMode {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let name = text.replace('-', "_");
        [Self::Disabled, Self::Preferred, Self::Required, Self::VerifyCa, Self::VerifyIdentity]
            .into_iter()
            .find(|mode| mode.name().eq_ignore_ascii_case(&name))
            .ok_or_else(|| {
                ConfigError::new(
                    "The SSL mode must be one of DISABLED, PREFERRED, REQUIRED, VERIFY_CA and \
                     VERIFY_IDENTITY.",
                )
            })
    }
}

impl Config {
    /// The mode that applies: the one given, else the safest that the endpoint allows without any
    /// setup.
    ///
    /// A Unix socket gets `Disabled`: its bytes never leave the machine. A configured CA, a pin or a
    /// rustls configuration gets `VerifyIdentity`. A host that is loopback by its spelling (`localhost`, `127.0.0.0/8`,
    /// `::1`; names are not looked up) gets `Preferred`. Every other host gets `Required`, so
    /// nothing goes out in clear unless the caller said so (T-04, T-14). The option `ssl` of an option
    /// file makes `Required` of what would be `Disabled` or `Preferred`.
    pub fn effective_ssl_mode(&self) -> SslMode {
        match (self.ssl_mode, &self.endpoint) {
            (Some(mode), _) => mode,
            (None, Endpoint::Socket(_)) if self.tls_wanted => SslMode::Required,
            (None, Endpoint::Socket(_)) => SslMode::Disabled,
            (None, Endpoint::Tcp { .. }) if self.says_whom_to_trust() => SslMode::VerifyIdentity,
            (None, Endpoint::Tcp { host, .. }) if is_loopback(host) && !self.tls_wanted => {
                SslMode::Preferred
            }
            (None, Endpoint::Tcp { .. }) => SslMode::Required,
        }
    }
}

impl Config {
    /// Wants TLS at least, and takes no verification back, neither one that was asked for before nor
    /// that of a CA which is named afterwards.
    pub(crate) fn want_tls(mut self) -> Self {
        self.tls_wanted = true;
        self.ssl_mode = self.ssl_mode.filter(|mode| mode.requires_tls());
        self
    }

    fn says_whom_to_trust(&self) -> bool {
        self.ssl_ca.is_some() || self.ssl_fingerprint.is_some() || self.has_own_tls()
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_mysql_spelling_in_any_case() {
        for (text, mode) in [
            ("DISABLED", SslMode::Disabled),
            ("preferred", SslMode::Preferred),
            ("Required", SslMode::Required),
            ("verify-ca", SslMode::VerifyCa),
            ("VERIFY_IDENTITY", SslMode::VerifyIdentity),
        ] {
            assert_eq!(text.parse(), Ok(mode));
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        for text in ["", "require", "verify", "VERIFYCA", "true"] {
            assert!(text.parse::<SslMode>().unwrap_err().to_string().contains("VERIFY_IDENTITY"));
        }
    }

    /// T-04: the table of defaults.
    #[test]
    fn default_depends_on_the_endpoint() {
        let mode = |host: &str| Config::default().host(host).effective_ssl_mode();
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1"] {
            assert_eq!(mode(host), SslMode::Preferred, "{host}");
        }
        for host in [
            "db.example.com",
            "10.0.0.1",
            "0.0.0.0",
            "::",
            "127.evil.example",
            "localhost.example",
            "128.0.0.1",
        ] {
            assert_eq!(mode(host), SslMode::Required, "{host}");
        }
        assert_eq!(
            Config::default().socket("/run/mysqld.sock").effective_ssl_mode(),
            SslMode::Disabled
        );
        let ca = Config::default().ssl_ca_file("/ca.pem");
        assert_eq!(ca.effective_ssl_mode(), SslMode::VerifyIdentity);
        assert_eq!(ca.clone().socket("/s").effective_ssl_mode(), SslMode::Disabled);
        assert_eq!(ca.ssl_mode(SslMode::Required).effective_ssl_mode(), SslMode::Required);
    }

    #[test]
    fn what_each_mode_promises() {
        let facts = |mode: SslMode| (mode.requires_tls(), mode.verifies_peer());
        assert_eq!(facts(SslMode::Disabled), (false, false));
        assert_eq!(facts(SslMode::Preferred), (false, false));
        assert_eq!(facts(SslMode::Required), (true, false));
        assert_eq!(facts(SslMode::VerifyCa), (true, true));
        assert_eq!(facts(SslMode::VerifyIdentity), (true, true));
    }
}
