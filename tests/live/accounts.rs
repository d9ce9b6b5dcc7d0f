//! Who may log in, how, and how a refusal reads.

use std::path::Path;

use mywire::error::{AuthError, ServerErrorKind};
use mywire::{Config, Error, Session, SslMode};

use crate::metered::{Metered, reading};
use crate::target::{code, connect, exclusively, refused, usable};
use crate::{Target, each_server};

/// Logs in with an account's own configuration and asks the server who came.
async fn assert_logs_in(config: &Config, user: &str, plugin: &str) -> Session {
    let mut session = connect(config).await;
    let who: String = session.fetch_one("SELECT CURRENT_USER()", ()).await.unwrap();
    assert_eq!(who, format!("{user}@%"));
    assert_eq!(session.auth_plugin(), plugin);
    session
}

#[track_caller]
fn assert_access_denied(error: &Error) {
    let server = error.as_server().unwrap_or_else(|| panic!("not the server's error: {error:?}"));
    assert_eq!(server.kind(), ServerErrorKind::AccessDenied, "{error}");
    assert_eq!((server.code(), server.sqlstate()), (1045, "28000"));
    assert!(error.is_fatal());
}

fn tls(config: Config) -> Config {
    config.ssl_mode(SslMode::Required)
}

/// Whether the server has caching_sha2_password accounts: MySQL of our scripts.
async fn has_sha2(target: &Target) -> bool {
    target.has_accounts() && !target.local().await.is_mariadb()
}

/// Empties the server's password cache: every account is cold afterwards. The lock keeps the cases
/// that do so apart.
async fn cold(target: &Target) -> Session {
    let mut lock = exclusively(target, "password cache").await;
    lock.execute("FLUSH PRIVILEGES", ()).await.unwrap();
    lock
}

#[test]
fn e28_sha2_cold_over_plain_tcp_without_a_key_is_refused_with_the_ways_out() {
    each_server(async |target| {
        if !has_sha2(target).await {
            return;
        }
        let _lock = cold(target).await;
        let config = target.account("u_sha2", "pw-sha2");
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", target.server.port)).await;
        let (stream, meter) = Metered::new(stream.unwrap());
        let error = Session::from_stream(stream, &config).await.expect_err("it is refused");
        assert!(matches!(error, Error::Auth(AuthError::PasswordNeedsProtection)), "{error:?}");
        let shown = error.to_string();
        for way_out in ["TLS", "Unix socket", "server_public_key_pem"] {
            assert!(shown.contains(way_out), "{shown}");
        }
        assert_eq!(error.was_sent(), mywire::Sent::No);
        // The login request and nothing else; the password is not in it.
        let meter = reading(&meter);
        assert_eq!(meter.packets_written(), [1]);
        assert!(!meter.written.windows(7).any(|bytes| bytes == b"pw-sha2"));
    });
}

#[test]
fn sha2_warm_takes_the_fast_path_over_plain_tcp() {
    each_server(async |target| {
        if !has_sha2(target).await {
            return;
        }
        let _lock = cold(target).await;
        let plain = target.account("u_sha2", "pw-sha2");
        connect(&tls(plain.clone())).await.close().await.unwrap();
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", target.server.port)).await;
        let (stream, meter) = Metered::new(stream.unwrap());
        let mut session = Session::from_stream(stream, &plain).await.unwrap();
        assert_eq!(reading(&meter).packets_written(), [1], "the login request is all it takes");
        assert!(!session.is_encrypted());
        assert_eq!(session.auth_plugin(), "caching_sha2_password");
        usable(&mut session).await;
        // A wrong password misses the cache: the server wants to see it, and does not get it.
        let error = refused(&target.account("u_sha2", "pw-wrong")).await;
        assert!(matches!(error, Error::Auth(AuthError::PasswordNeedsProtection)), "{error:?}");
    });
}

#[test]
fn sha2_cold_over_tls_and_over_a_socket() {
    each_server(async |target| {
        if !has_sha2(target).await {
            return;
        }
        let plain = target.account("u_sha2", "pw-sha2");
        let lock = cold(target).await;
        let over_tls = assert_logs_in(&tls(plain.clone()), "u_sha2", "caching_sha2_password").await;
        assert!(over_tls.is_encrypted());
        drop(lock);
        let Some(socket) = target.socket() else { return };
        let _lock = cold(target).await;
        let config = plain.socket(socket);
        let over_socket = assert_logs_in(&config, "u_sha2", "caching_sha2_password").await;
        assert!(!over_socket.is_encrypted());
    });
}

#[cfg(feature = "rsa")]
#[test]
fn sha2_cold_over_plain_tcp_with_a_pinned_and_a_fetched_key() {
    each_server(async |target| {
        if !has_sha2(target).await {
            return;
        }
        let Some(datadir) = target.datadir() else { return };
        let plain = target.account("u_sha2", "pw-sha2");
        let pem = std::fs::read(datadir.join("public_key.pem")).unwrap();
        for (config, packets) in [
            // The login request and the encrypted password; with the wish for the key in between.
            (plain.clone().server_public_key_pem(pem), vec![1, 3]),
            (plain.clone().fetch_server_public_key(true), vec![1, 3, 5]),
        ] {
            let _lock = cold(target).await;
            let stream = tokio::net::TcpStream::connect(("127.0.0.1", target.server.port)).await;
            let (stream, meter) = Metered::new(stream.unwrap());
            let mut session = Session::from_stream(stream, &config).await.unwrap();
            assert!(!session.is_encrypted());
            let meter = reading(&meter);
            assert_eq!(meter.packets_written(), packets);
            assert!(!meter.written.windows(7).any(|bytes| bytes == b"pw-sha2"));
            usable(&mut session).await;
        }
        // Somebody else's key: the server cannot read what we send, and learns nothing.
        let _lock = cold(target).await;
        let other = OTHER_KEY.as_bytes().to_vec();
        let error = refused(&plain.server_public_key_pem(other)).await;
        assert_access_denied(&error);
    });
}

/// A key that no server has.
#[cfg(feature = "rsa")]
const OTHER_KEY: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA6kbls5g/iT0DoPFPGgaF
7fYxbwlo733FYo7nI0+mbAHF7bqihD2AGRRjYIAPZ7YvEUcRNQ9rzBqDdsu0HbjZ
67oby398sZYy0ir0GYWqs+/0K/9bNHr9Gy68fAn9B1ChxYyA3TnktS2wJgO1r5gh
ayyWdTbaQB0JBPJTRV/DdtxqCnGpgdoGN/2eaf/jcWqyCez0V8WK9UuEw3F4P8SX
F8junFhY3/UCrukYdc97oEcdnxIVmVu3UIwzzXX/Jr++RAgnwj5aU/l+aNGnTHro
hQSUN69JwoYDdciC6109GKkT5zx780Jn6F/3qy8v7neImWdeUhaxWQawrBBk/B/b
FQIDAQAB
-----END PUBLIC KEY-----
";

#[test]
fn sha2_with_an_empty_password() {
    each_server(async |target| {
        if !has_sha2(target).await {
            return;
        }
        let plain = target.account("u_sha2_empty", "");
        for config in [plain.clone(), tls(plain.clone())] {
            assert_logs_in(&config, "u_sha2_empty", "caching_sha2_password").await;
        }
        assert_access_denied(&refused(&tls(plain.password("not empty"))).await);
    });
}

#[test]
fn native_with_and_without_a_password() {
    each_server(async |target| {
        if !target.has_accounts() || !target.local().await.is_mariadb() {
            return;
        }
        let native = target.account("u_native", "pw-native");
        let empty = target.account("u_native_empty", "");
        for config in [native.clone(), tls(native.clone())] {
            assert_logs_in(&config, "u_native", "mysql_native_password").await;
        }
        for config in [empty.clone(), tls(empty.clone())] {
            assert_logs_in(&config, "u_native_empty", "mysql_native_password").await;
        }
        assert_access_denied(&refused(&native.clone().password("pw-wrong")).await);
        assert_access_denied(&refused(&native.password("")).await);
        assert_access_denied(&refused(&empty.password("not empty")).await);
    });
}

#[test]
fn an_account_that_requires_tls() {
    each_server(async |target| {
        if !target.has_accounts() {
            return;
        }
        // The password stays in the server's cache from one login to the next.
        let _lock = exclusively(target, "password cache").await;
        let plain = target.account("u_ssl", "pw-ssl");
        let mut session = connect(&tls(plain.clone())).await;
        assert!(session.is_encrypted());
        usable(&mut session).await;
        // MySQL knows the password now and would take the fast path: it is the missing TLS.
        assert_access_denied(&refused(&plain).await);
    });
}

#[test]
fn an_account_that_requires_a_client_certificate() {
    each_server(async |target| {
        let Some(certs) = target.certs() else { return };
        let with = |certificate: &str| {
            let file = |end: &str| certs.join(format!("{certificate}-{end}.pem"));
            tls(target.account("u_x509", "pw-x509")).ssl_cert_files(file("cert"), file("key"))
        };
        let mut session = connect(&with("client")).await;
        usable(&mut session).await;
        // The same from memory, and with the server verified as well.
        let pem = |path: &Path| std::fs::read(path).unwrap();
        let config = target
            .account("u_x509", "pw-x509")
            .ssl_mode(SslMode::VerifyIdentity)
            .ssl_ca_pem(pem(&certs.join("ca.pem")))
            .ssl_cert_pem(pem(&certs.join("client-cert.pem")), pem(&certs.join("client-key.pem")));
        usable(&mut connect(&config).await).await;
        assert_access_denied(&refused(&tls(target.account("u_x509", "pw-x509"))).await);
        let foreign = refused(&with("other-client")).await;
        assert!(foreign.is_fatal(), "{foreign:?}");
        assert!(!foreign.to_string().contains("pw-x509"));
        // Servers end the TLS session, with an alert or with a closed socket.
        assert!(
            matches!(foreign, Error::Tls(_) | Error::Io(_) | Error::Protocol(_)),
            "{foreign:?}"
        );
    });
}

#[test]
fn an_expired_password_is_refused_or_leads_into_the_sandbox() {
    each_server(async |target| {
        if !target.has_accounts() {
            return;
        }
        let config = tls(target.account("u_expired", "pw-expired"));
        if target.local().await.is_mariadb() {
            // Without disconnect_on_expired_password MariaDB lets everybody into the sandbox.
            let mut session = connect(&config).await;
            assert_eq!(code(session.fetch_one::<i64>("SELECT 1", ()).await), 1820);
        } else {
            let error = refused(&config).await;
            let server = error.as_server().unwrap();
            assert_eq!((server.code(), server.kind()), (1862, ServerErrorKind::PasswordExpired));
        }
        let mut session = connect(&config.handle_expired_passwords(true)).await;
        let error = session.fetch_one::<i64>("SELECT 1", ()).await.unwrap_err();
        assert_eq!(error.as_server().unwrap().kind(), ServerErrorKind::PasswordExpired);
        assert!(!error.is_fatal());
        // Nothing else is allowed, and the session lives.
        assert_eq!(code(session.fetch_one::<i64>("SELECT 2", ()).await), 1820);
    });
}

#[test]
fn a_locked_account() {
    each_server(async |target| {
        if !target.has_accounts() {
            return;
        }
        let error = refused(&tls(target.account("u_locked", "pw-locked"))).await;
        let server = error.as_server().unwrap();
        assert_eq!(server.kind(), ServerErrorKind::AccountLocked, "{error}");
        assert!(error.is_fatal());
    });
}

/// The two errors differ in the name alone: neither says whether there is such a user.
#[test]
fn t12_an_unknown_user_and_a_wrong_password_read_the_same() {
    each_server(async |target| {
        let config = target.config();
        let wrong = refused(&config.clone().password("pw-wrong")).await;
        // MySQL makes up a plugin for each name that it does not know (H-44), and one of them is not
        // built in: take a name with another.
        let mut nobody = String::new();
        let mut unknown = refused(&config.clone().user("nobody").password("pw-wrong")).await;
        for number in 0..64 {
            nobody = format!("nobody{number}");
            unknown = refused(&config.clone().user(&nobody).password("pw-wrong")).await;
            if unknown.as_server().is_some() {
                break;
            }
        }
        for error in [&wrong, &unknown] {
            assert_access_denied(error);
        }
        let named = |error: &Error| error.to_string().replace(target.user(), &nobody);
        assert_eq!(named(&wrong), unknown.to_string());
        // T-98: the next try would be refused, too, and may lock the account.
        assert!(!wrong.is_retryable() && !unknown.is_retryable());
        assert_eq!(wrong.was_sent(), unknown.was_sent());
        for error in [wrong, unknown] {
            assert!(!format!("{error} {error:?} {error:#?}").contains("pw-wrong"));
        }
        // Without TLS, where MySQL may ask for the password instead: for both, or for neither.
        let plain = target.config().ssl_mode(SslMode::Disabled).password("pw-wrong");
        let wrong = refused(&plain).await;
        let unknown = refused(&plain.user(&nobody)).await;
        assert_eq!(named(&wrong), unknown.to_string());
    });
}
