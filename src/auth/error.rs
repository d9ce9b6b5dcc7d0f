//! Why a login was given up on our side.

use std::fmt;

/// A login that the client refuses to go on with.
///
/// `Display` is one or two sentences with the way out. Neither it nor `Debug` holds a secret, and
/// none says whether the user exists: servers ask for plausible plugins either way (H-44, T-12).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthError {
    /// The server asks for a plugin that is unknown, not built in, or not allowed (A-56); nothing
    /// was made of the password.
    PluginRefused {
        /// The plugin's name, printable and cut to 64 characters.
        plugin: String,
    },
    /// The server's nonce does not have the 20 bytes that the plugin needs.
    NonceLength {
        /// The plugin's name.
        plugin: &'static str,
        /// Bytes received.
        length: usize,
    },
    /// The server sent data that the plugin does not expect at this point.
    UnexpectedData {
        /// The plugin's name.
        plugin: &'static str,
    },
    /// The password holds a NUL, which ends it in the protocol (H-31).
    PasswordContainsNul,
    /// The password is longer than the server's RSA key can encrypt.
    PasswordTooLong {
        /// The most bytes that this key takes.
        max: usize,
    },
    /// The server wants the password itself, and the connection would show it to the network; none
    /// of it was written (E-28).
    PasswordNeedsProtection,
    /// The server's RSA public key, pinned or fetched, cannot be used (A-16).
    ServerPublicKey {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The operating system gave no random numbers.
    NoRandomness,
}

impl AuthError {
    /// Keeps of the server's name only what is fit for a log line.
    pub(crate) fn refused(plugin: &[u8]) -> Self {
        let printable = String::from_utf8_lossy(plugin)
            .chars()
            .take(64)
            .flat_map(|c| if c == '\'' { vec![c] } else { c.escape_debug().collect() })
            .collect();
        Self::PluginRefused { plugin: printable }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PluginRefused { plugin } => {
                write!(
                    f,
                    "The server asks for the authentication plugin `{plugin}`, which is not \
                     allowed here (it names one for accounts that do not exist, too). {}",
                    way_out(plugin)
                )
            }
            Self::NonceLength { plugin, length } => write!(
                f,
                "The server's challenge for {plugin} has {length} bytes instead of 20; it is \
                 broken, or something between us and it is."
            ),
            Self::UnexpectedData { plugin } => write!(
                f,
                "The server sent data that {plugin} does not expect at this point; it is broken, \
                 or something between us and it is."
            ),
            Self::PasswordContainsNul => f.write_str(
                "The password contains a NUL byte, which the protocol cannot carry; set a \
                 password without one.",
            ),
            Self::PasswordTooLong { max } => write!(
                f,
                "The password is longer than the {max} bytes that the server's RSA key can \
                 encrypt; connect over TLS or a Unix socket."
            ),
            Self::PasswordNeedsProtection => f.write_str(PROTECTION),
            Self::ServerPublicKey { reason } => write!(
                f,
                "The server's RSA public key cannot be used: {reason}. Connect over TLS or a Unix \
                 socket, or pin the right key with Config::server_public_key_pem."
            ),
            Self::NoRandomness => f.write_str(
                "The operating system gave no random numbers, which encrypting the password \
                 needs; connect over TLS or a Unix socket.",
            ),
        }
    }
}

impl std::error::Error for AuthError {}

#[cfg(feature = "rsa")]
const PROTECTION: &str = "The server wants the full caching_sha2_password exchange, which would \
    show the password to the network. Use TLS (ssl-mode=REQUIRED or stricter), connect over a Unix \
    socket, or pin the server's RSA key with Config::server_public_key_pem (or, if you trust the \
    network, allow Config::fetch_server_public_key).";

#[cfg(not(feature = "rsa"))]
const PROTECTION: &str = "The server wants the full caching_sha2_password exchange, which would \
    show the password to the network. Use TLS (ssl-mode=REQUIRED or stricter), connect over a Unix \
    socket, or build mywire with its feature `rsa` and pin the server's RSA key with \
    Config::server_public_key_pem.";

fn way_out(plugin: &str) -> &'static str {
    match plugin {
        "mysql_old_password" => {
            "Its scheme from before MySQL 4.1 is broken and never used; set a new password on the \
             server, for a current plugin."
        }
        "mysql_clear_password" | "dialog" => {
            "It would hand the password itself to the server; let the account use \
             caching_sha2_password."
        }
        "caching_sha2_password" | "mysql_native_password" => {
            "Allow it again, or let the account use another one."
        }
        _ => {
            "This client cannot answer it; let the account use caching_sha2_password or \
             mysql_native_password."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server's plugin name goes into logs: it is cut and its control characters are escaped.
    #[test]
    fn plugin_names_are_tamed() {
        let shown = |name: &[u8]| AuthError::refused(name).to_string();
        assert!(shown(b"evil\r\n\x1b[31m\0").contains(r"`evil\r\n\u{1b}[31m\0`"));
        assert!(shown(b"\xff\xfe").contains('\u{fffd}'));
        assert!(shown(&[b'x'; 100_000]).len() < 300);
        assert!(shown(&[0; 100_000]).len() < 500);
    }
}
