use super::*;

pub(super) const NONCE: Nonce =
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20];

const CHANNELS: [Channel; 4] =
    [Channel::Plain, Channel::TlsUnverified, Channel::TlsVerified, Channel::UnixSocket];

const SENTINEL: &str = "s3nt1nel";

pub(super) const LONG_NONCE: [u8; 32] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
    27, 28, 29, 30, 31, 32,
];

#[cfg(any(feature = "ed25519", feature = "parsec"))]
pub(super) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect()
}

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
    let policy = Policy::default();
    Exchange::start(plugin.as_bytes(), data, Some(&password), Channel::TlsVerified, &policy)
}

/// What a plugin does with a password on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deals {
    /// It answers the server's challenge, or refuses that.
    Answers,
    /// It sends the password over TLS, asks for a key over a Unix socket, and refuses elsewhere.
    OverTls,
    /// It is refused, unless it is allowed and the channel is proved.
    IfOptedIn,
    /// Never.
    Refused,
    /// The build does without it.
    FeatureOff,
}

const fn with(feature: bool) -> Deals {
    if feature { Deals::Answers } else { Deals::FeatureOff }
}

const TABLE: [(&str, Deals); 16] = [
    ("mysql_native_password", Deals::Answers),
    ("caching_sha2_password", Deals::Answers),
    ("client_ed25519", with(cfg!(feature = "ed25519"))),
    ("parsec", with(cfg!(feature = "parsec"))),
    ("sha256_password", Deals::OverTls),
    ("mysql_clear_password", Deals::IfOptedIn),
    ("dialog", Deals::IfOptedIn),
    ("mysql_old_password", Deals::Refused),
    ("auth_gssapi_client", Deals::Refused),
    ("authentication_webauthn_client", Deals::Refused),
    ("authentication_openid_connect_client", Deals::Refused),
    ("MYSQL_NATIVE_PASSWORD", Deals::Refused),
    ("mysql_native_password\0", Deals::Refused),
    ("mysql_native_passwor", Deals::Refused),
    ("", Deals::Refused),
    ("\u{1b}[2J", Deals::Refused),
];

/// T-03, E-31, A-31, A-56: every plugin on every channel, with and without the opt-in.
#[test]
fn table_of_allowed_plugins() {
    let password = Secret::from(SENTINEL);
    for (plugin, deals) in TABLE {
        let built = !matches!(deals, Deals::Refused | Deals::FeatureOff);
        assert_eq!(is_supported(plugin.as_bytes()), built, "{plugin:?}");
        assert_eq!(supported().any(|name| name == plugin), built, "{plugin:?}");
        for (channel, opt_in) in CHANNELS.into_iter().flat_map(|c| [(c, false), (c, true)]) {
            let policy = Policy::default().allow_clear_text(opt_in);
            let allowed = built && (opt_in || deals != Deals::IfOptedIn);
            assert_eq!(policy.allows(plugin.as_bytes()), allowed, "{plugin:?}");
            // The password in the clear, an answer that does not show it, or an error.
            let nonce: &[u8] = match plugin {
                "client_ed25519" | "parsec" => &LONG_NONCE,
                "dialog" => b"\x05Password: ",
                _ => &NONCE,
            };
            let name = plugin.as_bytes();
            let result = Exchange::start(name, nonce, Some(&password), channel, &policy);
            let reveals = match &result {
                Ok((exchange, Response::Send(bytes))) => {
                    assert_eq!(exchange.plugin(), plugin);
                    Some(bytes.windows(SENTINEL.len()).any(|part| part == SENTINEL.as_bytes()))
                }
                Ok((_, Response::Wait)) => panic!("{plugin} waits"),
                Err(_) => None,
            };
            let wanted = match deals {
                Deals::Answers => Some(false),
                Deals::OverTls if channel == Channel::UnixSocket => {
                    cfg!(feature = "rsa").then_some(false)
                }
                Deals::OverTls if channel != Channel::Plain => Some(true),
                Deals::IfOptedIn if opt_in && channel.is_proved() => Some(true),
                _ => None,
            };
            assert_eq!(reveals, wanted, "{plugin:?} on {channel:?}, opt-in {opt_in}");
            let Err(error) = result else { continue };
            let expected = match deals {
                Deals::OverTls if channel == Channel::UnixSocket => {
                    error == AuthError::FeatureOff { plugin: "sha256_password", feature: "rsa" }
                }
                Deals::OverTls => error == AuthError::PasswordNeedsProtection,
                Deals::IfOptedIn if opt_in => {
                    matches!(error, AuthError::ChannelNotVerified { plugin: name } if name == plugin)
                }
                Deals::FeatureOff => {
                    let shown = error.to_string();
                    let feature = plugin.trim_start_matches("client_");
                    assert!(shown.contains(&format!("feature `{feature}`")), "{shown}");
                    matches!(error, AuthError::FeatureOff { .. })
                }
                _ => matches!(error, AuthError::PluginRefused { .. }),
            };
            assert!(expected, "{plugin:?} on {channel:?}, opt-in {opt_in}: {error:?}");
            assert!(!format!("{error} {error:?} {error:#?}").contains(SENTINEL));
        }
    }
}

/// nobody makes this client speak it, not even a plugin of the caller's.
#[test]
fn the_old_password_is_never_spoken_and_the_error_says_what_to_do() {
    let policy = Policy::default().plugin(std::sync::Arc::new(Own("mysql_old_password", false)));
    assert!(!policy.allows(b"mysql_old_password"));
    let password = Secret::from("x");
    let name = b"mysql_old_password";
    let result = Exchange::start(name, b"12345678", Some(&password), Channel::TlsVerified, &policy);
    let shown = result.unwrap_err().to_string();
    assert!(shown.contains("broken") && shown.contains("set a new password"), "{shown}");
}

/// A plugin of the caller's; whether it reveals its secret.
struct Own(&'static str, bool);

struct Repeats;

impl Plugin for Own {
    fn name(&self) -> &'static str {
        self.0
    }

    fn reveals_secret(&self) -> bool {
        self.1
    }

    fn start(&self) -> Box<dyn PluginExchange> {
        Box::new(Repeats)
    }
}

impl PluginExchange for Repeats {
    fn respond(&mut self, data: &[u8], context: &PluginContext<'_>) -> Result<Response, AuthError> {
        match data {
            b"wait" => Ok(Response::Wait),
            b"secret" => Ok(Response::send(context.secret()?.expose())),
            b"fail" => Err(AuthError::Plugin { plugin: "own".into(), reason: "it must".into() }),
            data => Ok(Response::send(data)),
        }
    }
}

/// a plugin of the caller's gets what the server sends and answers it, where it may.
#[test]
fn a_plugin_of_the_callers_is_asked() {
    let policy = |reveals| Policy::default().plugin(std::sync::Arc::new(Own("own", reveals)));
    let password = Secret::from("pw");
    for channel in CHANNELS {
        for reveals in [false, true] {
            let policy = policy(reveals);
            assert!(policy.allows(b"own") && !policy.allows(b"other"));
            let result = Exchange::start(b"own", b"data", Some(&password), channel, &policy);
            if reveals && !channel.is_proved() {
                let plugin = "own";
                assert_eq!(result.unwrap_err(), AuthError::ChannelNotVerified { plugin });
                continue;
            }
            let (mut exchange, response) = result.unwrap();
            assert_eq!(exchange.plugin(), "own");
            assert_eq!(*sent(Ok(response)), *b"data");
            let mut more = |data: &[u8]| exchange.more_data(data, Some(&password), &policy);
            assert!(matches!(more(b"wait"), Ok(Response::Wait)));
            assert_eq!(*sent(more(b"secret")), *b"pw");
            assert_eq!(
                more(b"fail").unwrap_err().to_string(),
                "The authentication plugin `own` gave up: it must."
            );
            assert!(matches!(more(b"data"), Err(AuthError::UnexpectedData { .. })), "it is over");
        }
    }
    // Without the factor's password it still runs, and says itself whether it needs one.
    let policy = policy(false);
    let (mut exchange, _) = Exchange::start(b"own", b"x", None, Channel::Plain, &policy).unwrap();
    let error = exchange.more_data(b"secret", None, &policy).unwrap_err();
    assert!(matches!(error, AuthError::Plugin { .. }), "{error:?}");
}

/// T-11: a built-in plugin without the factor's own password gets none.
#[test]
fn t11_no_password_is_no_answer() {
    for plugin in supported() {
        let policy = Policy::default().allow_clear_text(true);
        let name = plugin.as_bytes();
        let result = Exchange::start(name, &NONCE, None, Channel::TlsVerified, &policy);
        assert_eq!(result.unwrap_err(), AuthError::FactorWithoutPassword { plugin });
    }
}

/// what proves the server's certificate, by plugin.
#[test]
fn a60_the_secret_of_the_certificates_proof() {
    let password = Secret::from("secret");
    let policy = Policy::default().allow_clear_text(true);
    for plugin in supported() {
        let nonce: &[u8] = match plugin {
            "client_ed25519" | "parsec" => &LONG_NONCE,
            "dialog" => b"",
            _ => &NONCE,
        };
        let started = |password: &Secret| {
            let channel = Channel::TlsVerified;
            Exchange::start(plugin.as_bytes(), nonce, Some(password), channel, &policy).unwrap().0
        };
        let mut exchange = started(&password);
        let secret = exchange.certificate_secret(&password).map(|bytes| hex(&bytes));
        match plugin {
            "mysql_native_password" => {
                assert_eq!(secret.unwrap(), "14e65567abdb5135d0cfd9a70b3032c179a49ee7");
            }
            "client_ed25519" => {
                let public = "648814444520e4f56043a2ec9215e63be7992d2d270bc6dee873e36164786096";
                assert_eq!(secret.unwrap(), public);
            }
            "parsec" => {
                assert_eq!(secret, None, "there is no salt yet");
                let salt = [&b"P\0"[..], &[7; 18]].concat();
                exchange.more_data(&salt, Some(&password), &policy).unwrap();
                let secret = exchange.certificate_secret(&password).unwrap();
                assert_eq!((secret.len(), &secret[..20]), (52, &salt[..]));
            }
            _ => assert_eq!(secret, None, "{plugin} proves nothing"),
        }
        let empty = Secret::default();
        assert_eq!(started(&empty).certificate_secret(&empty), None, "{plugin}");
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
        Some(&Secret::from("x")),
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
        let error = exchange.more_data(data, Some(&Secret::from("secret")), &Policy::default());
        let plugin = "mysql_native_password";
        assert_eq!(error.unwrap_err(), AuthError::UnexpectedData { plugin });
    }
}

#[test]
fn an_error_ends_the_exchange() {
    let (mut exchange, _) = start("caching_sha2_password", &NONCE, "secret").unwrap();
    for data in [9, 4, 3] {
        let result = exchange.more_data(&[data], Some(&Secret::from("secret")), &Policy::default());
        assert!(matches!(result, Err(AuthError::UnexpectedData { .. })));
    }
}

/// A-12, E-27
#[test]
fn fast_path_ends_after_the_three() {
    let password = Secret::from("secret");
    let (mut exchange, _) = start("caching_sha2_password", &NONCE, "secret").unwrap();
    let policy = Policy::default();
    assert!(matches!(exchange.more_data(&[3], Some(&password), &policy), Ok(Response::Wait)));
    assert!(exchange.more_data(&[4], Some(&password), &policy).is_err());
}

/// T-80
#[test]
fn nothing_shows_the_password() {
    let password = Secret::from(SENTINEL);
    let policy = Policy::default();
    let (mut exchange, first) = start("caching_sha2_password", &NONCE, SENTINEL).unwrap();
    let full = exchange.more_data(&[4], Some(&password), &policy).unwrap();
    let error = exchange.more_data(&[4], Some(&password), &policy).unwrap_err();
    let shown = format!("{exchange:?} {first:?} {full:?} {error:?} {error} {policy:?}");
    assert!(!shown.contains(SENTINEL), "{shown}");
    assert!(shown.contains("Send(..)"));
}
