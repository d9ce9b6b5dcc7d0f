use super::*;

pub(super) const NONCE: Nonce =
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20];

const CHANNELS: [Channel; 4] =
    [Channel::Plain, Channel::TlsUnverified, Channel::TlsVerified, Channel::UnixSocket];

const SENTINEL: &str = "s3nt1nel";

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn sent(response: Result<Response, AuthError>) -> Zeroizing<Vec<u8>> {
    match response {
        Ok(Response::Send(bytes)) => bytes,
        other => panic!("{other:?}"),
    }
}

fn start(plugin: &str, data: &[u8], password: &str) -> Result<(Exchange, Response), AuthError> {
    let password = Secret::from(password);
    Exchange::start(plugin.as_bytes(), data, &password, Channel::TlsVerified, &Policy::default())
}

/// T-03, E-31, A-56: every plugin on every channel; a refused one gets no byte.
#[test]
fn table_of_allowed_plugins() {
    for (plugin, allowed) in [
        ("mysql_native_password", true),
        ("caching_sha2_password", true),
        ("mysql_old_password", false),
        ("mysql_clear_password", false),
        ("dialog", false),
        ("sha256_password", false),
        ("client_ed25519", false),
        ("parsec", false),
        ("auth_gssapi_client", false),
        ("authentication_webauthn_client", false),
        ("MYSQL_NATIVE_PASSWORD", false),
        ("mysql_native_password\0", false),
        ("mysql_native_passwor", false),
        ("", false),
        ("\u{1b}[2J", false),
    ] {
        assert_eq!(is_supported(plugin.as_bytes()), allowed, "{plugin:?}");
        for channel in CHANNELS {
            let policy = Policy::default().fetch_server_public_key(true);
            assert_eq!(policy.allows(plugin.as_bytes()), allowed);
            let password = Secret::from(SENTINEL);
            let result = Exchange::start(plugin.as_bytes(), &NONCE, &password, channel, &policy);
            match result {
                Ok((exchange, _)) => assert_eq!((exchange.plugin(), allowed), (plugin, true)),
                Err(error) => {
                    assert!(matches!(error, AuthError::PluginRefused { .. }), "{error:?}");
                    assert!(!allowed, "{plugin}");
                }
            }
        }
    }
}

#[test]
fn policy_narrows_the_list() {
    let policy = Policy::default();
    assert_eq!(policy.preferred(), Some("caching_sha2_password"));
    let native = policy.clone().allow_only(["mysql_native_password", "mysql_clear_password"]);
    assert!(!native.allows(b"caching_sha2_password") && !native.allows(b"mysql_clear_password"));
    assert_eq!(native.preferred(), Some("mysql_native_password"));
    let none = policy.allow_only([]);
    assert_eq!(none.preferred(), None);
    let result = Exchange::start(
        b"mysql_native_password",
        &NONCE,
        &Secret::from("x"),
        Channel::TlsVerified,
        &none,
    );
    assert!(matches!(result, Err(AuthError::PluginRefused { .. })));
}

/// E-22, E-30: the same answer with and without the trailing NUL; other lengths are errors.
#[test]
fn nonce_lengths() {
    for plugin in ["mysql_native_password", "caching_sha2_password"] {
        let bare = sent(start(plugin, &NONCE, "secret").map(|(_, response)| response));
        let mut data = NONCE.to_vec();
        data.push(0);
        let terminated = sent(start(plugin, &data, "secret").map(|(_, response)| response));
        assert_eq!(bare, terminated);
        data[20] = 7;
        for data in [&data[..], &[], &[1; 8], &[0; 19], &[0; 22], &[1; 32], &[1; 33], &[1; 255]] {
            let error = start(plugin, data, "secret").unwrap_err();
            assert!(
                matches!(error, AuthError::NonceLength { length, .. } if length == data.len()),
                "{error:?}"
            );
        }
        // A nonce may end in a NUL of its own.
        assert!(start(plugin, &[0; 20], "secret").is_ok());
    }
}

/// H-31
#[test]
fn a_password_with_nul_is_refused_everywhere() {
    for plugin in ["mysql_native_password", "caching_sha2_password"] {
        for password in ["\0", "\0a", "a\0b", "a\0"] {
            let error = start(plugin, &NONCE, password).unwrap_err();
            assert_eq!(error, AuthError::PasswordContainsNul);
        }
    }
}

/// E-26
#[test]
fn an_empty_password_is_an_empty_packet() {
    for plugin in ["mysql_native_password", "caching_sha2_password"] {
        let (_, response) = start(plugin, &NONCE, "").unwrap();
        assert!(sent(Ok(response)).is_empty());
    }
}

#[test]
fn native_takes_no_more_data() {
    let (mut exchange, _) = start("mysql_native_password", &NONCE, "secret").unwrap();
    for data in [&b""[..], &[3], &[4], b"more"] {
        let error = exchange.more_data(data, &Secret::from("secret"), &Policy::default());
        let plugin = "mysql_native_password";
        assert_eq!(error.unwrap_err(), AuthError::UnexpectedData { plugin });
    }
}

#[test]
fn an_error_ends_the_exchange() {
    let (mut exchange, _) = start("caching_sha2_password", &NONCE, "secret").unwrap();
    for data in [9, 4, 3] {
        let result = exchange.more_data(&[data], &Secret::from("secret"), &Policy::default());
        assert!(matches!(result, Err(AuthError::UnexpectedData { .. })));
    }
}

/// A-12, E-27
#[test]
fn fast_path_ends_after_the_three() {
    let password = Secret::from("secret");
    let (mut exchange, _) = start("caching_sha2_password", &NONCE, "secret").unwrap();
    let policy = Policy::default();
    assert!(matches!(exchange.more_data(&[3], &password, &policy), Ok(Response::Wait)));
    assert!(exchange.more_data(&[4], &password, &policy).is_err());
}

/// T-80
#[test]
fn nothing_shows_the_password() {
    let password = Secret::from(SENTINEL);
    let policy = Policy::default();
    let (mut exchange, first) = start("caching_sha2_password", &NONCE, SENTINEL).unwrap();
    let full = exchange.more_data(&[4], &password, &policy).unwrap();
    let error = exchange.more_data(&[4], &password, &policy).unwrap_err();
    let shown = format!("{exchange:?} {first:?} {full:?} {error:?} {error} {policy:?}");
    assert!(!shown.contains(SENTINEL), "{shown}");
    assert!(shown.contains("Send(..)"));
}
