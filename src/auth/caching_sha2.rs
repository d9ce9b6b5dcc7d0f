//! caching_sha2_password: a SHA-256 answer that suffices if the server has the account in its
//! cache, else the password itself through a channel that hides it.
//!
//! ```text
//!            scramble sent
//!                 |
//!             Scrambled ──03──> Done (nothing to send: the OK follows, A-12)
//!                 |
//!                 04 full authentication
//!                 |
//!                 ├─ TLS or Unix socket ──password, NUL──────────> Done   (A-13)
//!                 ├─ plain, key pinned ───RSA(password)──────────> Done   (A-14)
//!                 ├─ plain, may fetch ────02──> KeyAsked ──PEM, then RSA(password)──> Done
//!                 └─ plain otherwise ─────> error, nothing written        (E-28)
//! ```
//!
//! Any other data, in any state, is an error.

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::clear::terminated;
use super::{AuthError, Channel, Nonce, Policy, Response};
use crate::secret::Secret;

pub(super) const NAME: &str = "caching_sha2_password";

const FAST_AUTH_SUCCESS: u8 = 0x03;
const PERFORM_FULL_AUTHENTICATION: u8 = 0x04;
#[cfg(feature = "rsa")]
const REQUEST_PUBLIC_KEY: u8 = 0x02;

#[derive(Debug)]
pub(super) enum CachingSha2 {
    Scrambled {
        #[cfg_attr(not(feature = "rsa"), allow(dead_code, reason = "only RSA needs it again"))]
        nonce: Nonce,
    },
    #[cfg(feature = "rsa")]
    KeyAsked {
        nonce: Nonce,
    },
    Done,
}

impl CachingSha2 {
    pub(super) fn start(nonce: Nonce, password: &Secret) -> (Self, Zeroizing<Vec<u8>>) {
        let response = scramble(&nonce, password);
        (Self::Scrambled { nonce }, response)
    }

    pub(super) fn more_data(
        self,
        data: &[u8],
        password: &Secret,
        channel: Channel,
        policy: &Policy,
    ) -> Result<(Self, Response), AuthError> {
        match (self, data) {
            (Self::Scrambled { .. }, [FAST_AUTH_SUCCESS]) => Ok((Self::Done, Response::Wait)),
            (Self::Scrambled { .. }, [PERFORM_FULL_AUTHENTICATION]) if channel.is_private() => {
                Ok((Self::Done, Response::Send(terminated(password))))
            }
            #[cfg(feature = "rsa")]
            (Self::Scrambled { nonce }, [PERFORM_FULL_AUTHENTICATION]) => {
                use super::rsa::encrypt_password;
                if let Some(pem) = &policy.server_public_key {
                    let encrypted = encrypt_password(pem, password, &nonce)?;
                    Ok((Self::Done, Response::Send(encrypted)))
                } else if policy.fetch_server_public_key {
                    let request = Zeroizing::new(vec![REQUEST_PUBLIC_KEY]);
                    Ok((Self::KeyAsked { nonce }, Response::Send(request)))
                } else {
                    Err(AuthError::PasswordNeedsProtection)
                }
            }
            #[cfg(not(feature = "rsa"))]
            (Self::Scrambled { .. }, [PERFORM_FULL_AUTHENTICATION]) => {
                let _ = policy;
                Err(AuthError::PasswordNeedsProtection)
            }
            #[cfg(feature = "rsa")]
            (Self::KeyAsked { nonce }, pem) => {
                let encrypted = super::rsa::encrypt_password(pem, password, &nonce)?;
                Ok((Self::Done, Response::Send(encrypted)))
            }
            _ => Err(AuthError::UnexpectedData { plugin: NAME }),
        }
    }
}

/// SHA256(p) ⊕ SHA256(SHA256(SHA256(p)) ‖ n); nothing for an empty password (A-10, A-11).
fn scramble(nonce: &Nonce, password: &Secret) -> Zeroizing<Vec<u8>> {
    if password.is_empty() {
        return Zeroizing::default();
    }
    let hash = sha256(&[password.expose()]);
    // The hash comes before the nonce here, after it in mysql_native_password.
    let mask = sha256(&[sha256(&[hash.as_slice()]).as_slice(), nonce]);
    Zeroizing::new(hash.iter().zip(mask.iter()).map(|(hash, mask)| hash ^ mask).collect())
}

fn sha256(parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    Zeroizing::new(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{NONCE, hex, sent};
    use super::*;

    const CHANNELS: [Channel; 4] =
        [Channel::Plain, Channel::TlsUnverified, Channel::TlsVerified, Channel::UnixSocket];

    fn started() -> CachingSha2 {
        CachingSha2::start(NONCE, &Secret::from("secret")).0
    }

    fn step(machine: CachingSha2, data: &[u8], channel: Channel) -> Result<Response, AuthError> {
        let policy = Policy::default();
        let (_, response) = machine.more_data(data, &Secret::from("secret"), channel, &policy)?;
        Ok(response)
    }

    /// A-10, E-25: computed with another implementation of SHA-256.
    #[test]
    fn known_answers() {
        for (password, expected) in [
            ("secret", "746ebe205d56a0707acb3e796e834e0dd7b1d61743b26bd5202c7a623230c7c9"),
            ("a", "4b35c367d25d0add742519e3573e0c83360f85bb66e6882d81d21120e6d581e4"),
            ("pässword", "8d5d2626bc5659d3928b225540de0f42343166209c7bc80438c5b05961466774"),
            (
                "ppppppppppppppppppp",
                "a324f141696d1f3f2b79d22dda171b610097949e80bd2892e15538d44a686dd8",
            ),
            (
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                "f7aff65b5d6bf613b323da2e1c2dea0fdd8ed222cd81db66f60578663047dce4",
            ),
        ] {
            assert_eq!(hex(&scramble(&NONCE, &Secret::from(password))), expected, "{password}");
        }
    }

    /// A-11, E-26
    #[test]
    fn empty_password_is_an_empty_response() {
        assert!(scramble(&NONCE, &Secret::default()).is_empty());
    }

    /// A-12, E-27
    #[test]
    fn fast_success_waits_for_the_ok() {
        for channel in CHANNELS {
            assert!(matches!(step(started(), &[3], channel), Ok(Response::Wait)));
        }
    }

    /// A-13
    #[test]
    fn a_private_channel_gets_the_password() {
        for channel in &CHANNELS[1..] {
            assert_eq!(*sent(step(started(), &[4], *channel)), *b"secret\0");
        }
    }

    /// A-14, E-28
    #[test]
    fn a_plain_channel_gets_nothing() {
        let error = step(started(), &[4], Channel::Plain).unwrap_err();
        assert_eq!(error, AuthError::PasswordNeedsProtection);
        let text = error.to_string();
        for way in ["TLS", "Unix socket", "RSA"] {
            assert!(text.contains(way), "{text}");
        }
        assert_eq!(text.contains("feature `rsa`"), !cfg!(feature = "rsa"));
    }

    /// Without the feature, a pinned key and the opt-in change nothing.
    #[cfg(not(feature = "rsa"))]
    #[test]
    fn without_rsa_a_plain_channel_never_gets_anything() {
        let policy = Policy::default().server_public_key_pem("PEM").fetch_server_public_key(true);
        let result = started().more_data(&[4], &Secret::from("x"), Channel::Plain, &policy);
        assert_eq!(result.unwrap_err(), AuthError::PasswordNeedsProtection);
    }

    /// T-07
    #[cfg(feature = "rsa")]
    #[test]
    fn a_fetched_key_is_asked_for_and_checked() {
        let password = Secret::from("secret");
        let policy = Policy::default().fetch_server_public_key(true);
        let more = |machine: CachingSha2, data: &[u8]| {
            machine.more_data(data, &password, Channel::Plain, &policy)
        };
        let (machine, response) = more(started(), &[4]).unwrap();
        assert_eq!(*sent(Ok(response)), [2]);
        for bad in [&b""[..], &[3], &[4], b"garbage"] {
            let (machine, _) = more(started(), &[4]).unwrap();
            let error = more(machine, bad).unwrap_err();
            assert!(matches!(error, AuthError::ServerPublicKey { .. }), "{error:?}");
        }
        let (machine, response) = more(machine, super::super::rsa::tests::public_pem()).unwrap();
        assert_eq!(sent(Ok(response)).len(), 256);
        assert!(more(machine, &[3]).is_err());
    }

    /// T-07: with a pinned key no key is asked for, and one that is sent is not used.
    #[cfg(feature = "rsa")]
    #[test]
    fn a_pinned_key_is_used_at_once() {
        let password = Secret::from("secret");
        let pem = super::super::rsa::tests::public_pem();
        let policy = Policy::default().server_public_key_pem(pem).fetch_server_public_key(true);
        let (machine, response) =
            started().more_data(&[4], &password, Channel::Plain, &policy).unwrap();
        assert_eq!(sent(Ok(response)).len(), 256);
        let error = machine.more_data(pem, &password, Channel::Plain, &policy).unwrap_err();
        assert_eq!(error, AuthError::UnexpectedData { plugin: NAME });
    }

    #[test]
    fn anything_else_is_unexpected() {
        let unexpected = AuthError::UnexpectedData { plugin: NAME };
        for channel in CHANNELS {
            for data in [&b""[..], &[0], &[2], &[5], &[0xFF], &[3, 0], &[4, 0], b"PEM"] {
                assert_eq!(step(started(), data, channel).unwrap_err(), unexpected);
            }
            for data in [&b""[..], &[3], &[4]] {
                assert_eq!(step(CachingSha2::Done, data, channel).unwrap_err(), unexpected);
            }
        }
    }
}
