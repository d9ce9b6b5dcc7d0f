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
    /// The plugin is part of this client, and this build does without it.
    FeatureOff {
        /// The plugin's name.
        plugin: &'static str,
        /// The feature that builds it in.
        feature: &'static str,
    },
    /// The plugin gives the password to whoever is at the other end, and nobody has proved to be
    /// the server; none of it was written (A-30, A-54). `sha256_password` is refused so only where
    /// the greeting named another plugin and the configuration does not name this one (T-03).
    ChannelNotVerified {
        /// The plugin's name.
        plugin: &'static str,
    },
    /// The account has a further factor, and no password is configured for it. Those of the other
    /// factors are never tried (T-11).
    FactorWithoutPassword {
        /// The plugin's name.
        plugin: &'static str,
    },
    /// The server asks a question that nobody here answers.
    QuestionUnanswered {
        /// The question, printable and cut to 64 characters.
        question: String,
    },
    /// A plugin of the caller's gave up.
    Plugin {
        /// The plugin's name.
        plugin: String,
        /// Why, as a clause without a full stop; it is shown, so it must not hold a secret.
        reason: String,
    },
    /// The server wants more rounds of key derivation than this client does for anybody (T-36).
    IterationFactor {
        /// What the server wants; each step doubles the work.
        factor: u8,
        /// The most that is done.
        max: u8,
    },
    /// The server's nonce does not have as many bytes as the plugin needs.
    NonceLength {
        /// The plugin's name.
        plugin: &'static str,
        /// Bytes received.
        length: usize,
        /// Bytes that it has to have.
        wanted: usize,
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
        Self::PluginRefused { plugin: printable(plugin) }
    }

    /// The same of a question.
    pub(super) fn unanswered(question: &[u8]) -> Self {
        Self::QuestionUnanswered { question: printable(question) }
    }
}

fn printable(text: &[u8]) -> String {
    String::from_utf8_lossy(text)
        .chars()
        .take(64)
        .flat_map(|c| if c == '\'' { vec![c] } else { c.escape_debug().collect() })
        .collect()
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
            Self::FeatureOff { plugin, feature } => write!(
                f,
                "The server asks for the authentication plugin `{plugin}`, which this build cannot \
                 answer here (it names one for accounts that do not exist, too). Build mywire with its \
                 feature `{feature}`, or let the account use another plugin."
            ),
            Self::ChannelNotVerified { plugin } => {
                write!(
                    f,
                    "The server asks for `{plugin}`, which gives the password to whoever is at the \
                     other end (it names one for accounts that do not exist, too). Connect over TLS with the server verified (ssl-mode=VERIFY_IDENTITY \
                     or VERIFY_CA) or over a Unix socket"
                )?;
                f.write_str(match *plugin {
                    "sha256_password" => ", or name the plugin in Config::auth_plugins.",
                    _ => ".",
                })
            }
            Self::FactorWithoutPassword { plugin } => write!(
                f,
                "The server asks for a further factor, by `{plugin}`, and no password is \
                 configured for that factor. Set it with Config::password2 or Config::password3."
            ),
            Self::QuestionUnanswered { question } => write!(
                f,
                "The server asks \"{question}\", and nobody answers. Give the answers with \
                 Config::answer_questions."
            ),
            Self::Plugin { plugin, reason } => {
                write!(f, "The authentication plugin `{plugin}` gave up: {reason}.")
            }
            Self::IterationFactor { factor, max } => write!(
                f,
                "The server wants a key derived with factor {factor}, and this client stops at \
                 {max}, because each step doubles the work; it is misconfigured, or no honest \
                 server."
            ),
            Self::NonceLength { plugin, length, wanted } => write!(
                f,
                "The server's challenge for {plugin} has {length} bytes instead of {wanted}; it is \
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
const PROTECTION: &str = "The server wants the password itself (the full exchange of \
    caching_sha2_password, or sha256_password), which would show it to the network. Use TLS (ssl-mode=REQUIRED or stricter), connect over a Unix \
    socket, or pin the server's RSA key with Config::server_public_key_pem (or, if you trust the \
    network, allow Config::fetch_server_public_key).";

#[cfg(not(feature = "rsa"))]
const PROTECTION: &str = "The server wants the password itself (the full exchange of \
    caching_sha2_password, or sha256_password), which would show it to the network. Use TLS (ssl-mode=REQUIRED or stricter), connect over a Unix \
    socket, or build mywire with its feature `rsa` and pin the server's RSA key with \
    Config::server_public_key_pem.";

fn way_out(plugin: &str) -> &'static str {
    match plugin {
        "mysql_old_password" => {
            "Its scheme from before MySQL 4.1 is broken and never used; set a new password on the \
             server, for a current plugin."
        }
        "mysql_clear_password" | "dialog" => {
            "It would hand the password itself to the server: allow that with \
             Config::allow_clear_text_passwords and connect over verified TLS or a Unix socket, or \
             let the account use caching_sha2_password."
        }
        "caching_sha2_password"
        | "mysql_native_password"
        | "sha256_password"
        | "client_ed25519"
        | "parsec" => {
            "Name it in Config::auth_plugins as well, or let the account use another one."
        }
        _ => {
            "This client cannot answer it by itself: add it with Config::auth_plugin, or let the \
             account use caching_sha2_password or mysql_native_password."
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
        assert!(shown(&[b'x'; 100_000]).len() < 400);
        assert!(shown(&[0; 100_000]).len() < 600);
    }

    /// Each sentence says what was wrong and, where there is one, the way out.
    #[test]
    fn sentences_name_the_way_out() {
        let plugin = "sha256_password";
        for (error, words) in [
            (AuthError::FeatureOff { plugin, feature: "rsa" }, [plugin, "feature `rsa`"]),
            (AuthError::ChannelNotVerified { plugin }, ["VERIFY_IDENTITY", "Config::auth_plugins"]),
            (AuthError::FactorWithoutPassword { plugin }, [plugin, "Config::password2"]),
            (AuthError::IterationFactor { factor: 20, max: 10 }, ["factor 20", "stops at 10"]),
            (AuthError::PasswordTooLong { max: 213 }, ["213 bytes", "TLS or a Unix socket"]),
            (AuthError::NoRandomness, ["random numbers", "TLS or a Unix socket"]),
            (AuthError::PasswordContainsNul, ["NUL byte", "set a password without"]),
        ] {
            let shown = error.to_string();
            assert!(words.iter().all(|word| shown.contains(word)), "{shown}");
        }
    }
}
