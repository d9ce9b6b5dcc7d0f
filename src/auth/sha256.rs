//! sha256_password: the password itself, through a channel that hides it (A-20). There is no
//! challenge to answer: the nonce only masks what RSA encrypts.
//!
//! ```text
//!   empty password ───────── 00 ─────────> Done
//!   TLS ──────────────────── password, NUL ─────────> Done
//!   else, key pinned ─────── RSA(password) ─────────> Done
//!   else, may fetch ──────── 01 ──> KeyAsked ──PEM, then RSA(password)──> Done
//!   else ──────────────────> error, nothing written
//! ```
//!
//! Servers want RSA over a Unix socket too, unlike with caching_sha2_password. There the key can be
//! fetched unasked: nobody stands between who could put in another.

use zeroize::Zeroizing;

use super::clear::terminated;
use super::{AuthError, Channel, Nonce, Policy, Response};
use crate::secret::Secret;

pub(super) const NAME: &str = "sha256_password";

/// In caching_sha2_password it is 0x02.
#[cfg(feature = "rsa")]
const REQUEST_PUBLIC_KEY: u8 = 0x01;

#[derive(Debug)]
pub(super) enum Sha256 {
    #[cfg(feature = "rsa")]
    KeyAsked {
        nonce: Nonce,
    },
    Done,
}

impl Sha256 {
    pub(super) fn start(
        nonce: Nonce,
        password: &Secret,
        channel: Channel,
        policy: &Policy,
    ) -> Result<(Self, Zeroizing<Vec<u8>>), AuthError> {
        // An empty password is its NUL, which hides nothing.
        if password.is_empty() || matches!(channel, Channel::TlsUnverified | Channel::TlsVerified) {
            return Ok((Self::Done, terminated(password)));
        }
        #[cfg(feature = "rsa")]
        if let Some(pem) = &policy.server_public_key {
            let encrypted = super::rsa::encrypt_password(pem, password, &nonce)?;
            return Ok((Self::Done, encrypted));
        } else if policy.fetch_server_public_key || channel == Channel::UnixSocket {
            return Ok((Self::KeyAsked { nonce }, Zeroizing::new(vec![REQUEST_PUBLIC_KEY])));
        }
        let _ = (nonce, policy);
        Err(match channel {
            Channel::UnixSocket => AuthError::FeatureOff { plugin: NAME, feature: "rsa" },
            _ => AuthError::PasswordNeedsProtection,
        })
    }

    pub(super) fn more_data(
        self,
        data: &[u8],
        password: &Secret,
    ) -> Result<(Self, Response), AuthError> {
        match self {
            #[cfg(feature = "rsa")]
            Self::KeyAsked { nonce } => {
                let encrypted = super::rsa::encrypt_password(data, password, &nonce)?;
                Ok((Self::Done, Response::Send(encrypted)))
            }
            Self::Done => {
                let _ = (data, password);
                Err(AuthError::UnexpectedData { plugin: NAME })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::NONCE;
    use super::*;

    fn start(password: &str, channel: Channel, policy: &Policy) -> Result<Vec<u8>, AuthError> {
        let (_, bytes) = Sha256::start(NONCE, &Secret::from(password), channel, policy)?;
        Ok(bytes.to_vec())
    }

    /// A-20
    #[test]
    fn tls_gets_the_password() {
        for channel in [Channel::TlsUnverified, Channel::TlsVerified] {
            assert_eq!(start("secret", channel, &Policy::default()).unwrap(), *b"secret\0");
            assert_eq!(start("", channel, &Policy::default()).unwrap(), [0]);
        }
    }

    /// A-20: over a Unix socket servers want RSA, and the key is asked for without an opt-in.
    #[test]
    fn a_unix_socket_is_no_tls() {
        let result = start("secret", Channel::UnixSocket, &Policy::default());
        match cfg!(feature = "rsa") {
            true => assert_eq!(result.unwrap(), [1]),
            false => {
                let error = result.unwrap_err();
                assert_eq!(error, AuthError::FeatureOff { plugin: NAME, feature: "rsa" });
            }
        }
        assert_eq!(start("", Channel::UnixSocket, &Policy::default()).unwrap(), [0]);
    }

    /// A-20, T-03
    #[test]
    fn a_plain_channel_gets_nothing() {
        let policy = Policy::default();
        let error = start("secret", Channel::Plain, &policy).unwrap_err();
        assert_eq!(error, AuthError::PasswordNeedsProtection);
        assert_eq!(start("", Channel::Plain, &policy).unwrap(), [0]);
        #[cfg(not(feature = "rsa"))]
        {
            let policy = policy.server_public_key_pem("PEM").fetch_server_public_key(true);
            assert!(start("secret", Channel::Plain, &policy).is_err());
        }
    }

    /// A-20, T-07: pinned before fetched, and the fetched one is checked.
    #[cfg(feature = "rsa")]
    #[test]
    fn a_key_is_pinned_or_asked_for() {
        let password = Secret::from("secret");
        let pem = super::super::rsa::tests::public_pem();
        let fetch = Policy::default().fetch_server_public_key(true);
        assert_eq!(start("secret", Channel::Plain, &fetch).unwrap(), [1]);
        let pinned = fetch.clone().server_public_key_pem(pem);
        assert_eq!(start("secret", Channel::Plain, &pinned).unwrap().len(), 256);
        for bad in [&b""[..], &[1], b"garbage"] {
            let (machine, _) = Sha256::start(NONCE, &password, Channel::Plain, &fetch).unwrap();
            let error = machine.more_data(bad, &password).unwrap_err();
            assert!(matches!(error, AuthError::ServerPublicKey { .. }), "{error:?}");
        }
        let (machine, _) = Sha256::start(NONCE, &password, Channel::Plain, &fetch).unwrap();
        let (machine, response) = machine.more_data(pem, &password).unwrap();
        assert!(matches!(response, Response::Send(bytes) if bytes.len() == 256));
        let error = machine.more_data(pem, &password).unwrap_err();
        assert_eq!(error, AuthError::UnexpectedData { plugin: NAME });
    }
}
