//! Who the server is: defaults, modes, pins, proofs, and somebody in between.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mywire::error::TlsError;
use mywire::{CertificateFingerprint, Config, Error, SslMode};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::time_provider::TimeProvider;
use sha2::{Digest, Sha256};

use crate::relay::{forward, from_afar, intercept};
use crate::target::{connect, refused, usable};
use crate::{Target, each_server};

/// The plain configuration of somebody who knows an address and an account.
fn by_default(target: &Target, port: u16) -> Config {
    let far = from_afar(port);
    target.config().host(far.ip().to_string()).port(far.port())
}

#[test]
fn t04_another_host_is_spoken_to_in_tls_without_a_word_of_configuration() {
    each_server(async |target| {
        let (port, relay) = forward(target.server.port, false);
        let config = by_default(target, port);
        assert_eq!(config.effective_ssl_mode(), SslMode::Required);
        let mut session = connect(&config).await;
        assert!(session.is_encrypted());
        let (_, version): (String, String) =
            session.fetch_one("SHOW STATUS LIKE 'Ssl_version'", ()).await.unwrap();
        assert_eq!(version, "TLSv1.3");
        session.close().await.unwrap();
        assert!(relay.join().unwrap() > 0);
    });
}

#[test]
fn t04_h23_another_host_without_tls_is_left_with_the_sentence_that_helps() {
    each_server(async |target| {
        let (port, relay) = forward(target.server.port, true);
        let error = refused(&by_default(target, port)).await;
        let Error::Tls(tls) = &error else { panic!("{error:?}") };
        assert!(matches!(**tls, TlsError::NotOffered), "{error:?}");
        let shown = error.to_string();
        assert!(shown.contains("does not offer TLS"), "{shown}");
        assert!(shown.contains("`ssl-mode=preferred`"), "{shown}");
        assert_eq!(relay.join().unwrap(), 0, "bytes were written to a server without TLS");
    });
}

fn server_certificate(target: &Target) -> Option<CertificateDer<'static>> {
    let file = target.certs()?.join("server-cert.pem");
    Some(CertificateDer::from_pem_file(file).unwrap())
}

#[test]
fn a_pin_is_enough_and_another_is_refused() {
    each_server(async |target| {
        let Some(certificate) = server_certificate(target) else { return };
        let pin: [u8; 32] = Sha256::digest(&certificate).into();
        let pinned = target.config().ssl_fingerprint(pin);
        for config in [
            pinned.clone(),
            pinned.clone().ssl_mode(SslMode::Required),
            pinned.clone().ssl_ca_file(target.certs().unwrap().join("ca.pem")),
        ] {
            let mut session = connect(&config).await;
            assert!(session.is_encrypted());
            usable(&mut session).await;
        }
        let text = CertificateFingerprint::from(pin).to_string();
        let url = format!("{}?ssl-fingerprint={text}", target.server.url);
        usable(&mut connect(&url.parse().unwrap()).await).await;
        let error = refused(&pinned.ssl_fingerprint([7; 32])).await;
        assert!(matches!(error, Error::Tls(_)), "{error:?}");
        assert!(error.to_string().contains(&text), "{error}");
    });
}

#[test]
fn a_ca_may_be_der_and_its_absence_is_an_error() {
    each_server(async |target| {
        let Some(certs) = target.certs() else { return };
        let der = CertificateDer::from_pem_file(certs.join("ca.pem")).unwrap();
        let mut session = connect(&target.config().ssl_ca_der(der.to_vec())).await;
        assert!(session.is_encrypted());
        usable(&mut session).await;
        let missing = certs.join("missing.pem");
        let error = refused(&target.config().ssl_ca_file(&missing)).await;
        assert!(matches!(error, Error::Config(_)), "{error:?}");
        assert!(error.to_string().contains("missing.pem"), "{error}");
    });
}

/// A clock for rustls alone.
#[derive(Debug)]
struct At(Duration);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.0))
    }
}

#[test]
fn t09_a_certificate_of_another_time_is_refused() {
    each_server(async |target| {
        let Some(certs) = target.certs() else { return };
        let at = |year: u64| {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(certs.join("ca.pem")).unwrap()).unwrap();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let clock = Arc::new(At(Duration::from_secs((year - 1970) * 365 * 86_400)));
            let builder = rustls::ClientConfig::builder_with_details(provider, clock);
            let builder = builder.with_safe_default_protocol_versions().unwrap();
            let own = builder.with_root_certificates(roots).with_no_client_auth();
            target.config().tls_config(Arc::new(own))
        };
        for (year, why) in [(2100, "expired"), (2000, "not valid yet")] {
            let error = refused(&at(year)).await;
            assert!(matches!(error, Error::Tls(_)), "{error:?}");
            assert!(error.to_string().contains(why), "{error}");
        }
    });
}

/// The account's own rustls configuration, with a client certificate in it.
#[test]
fn the_callers_own_rustls_configuration() {
    each_server(async |target| {
        let Some(certs) = target.certs() else { return };
        if !target.has_accounts() {
            return;
        }
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(certs.join("ca.pem")).unwrap()).unwrap();
        let chain = vec![CertificateDer::from_pem_file(certs.join("client-cert.pem")).unwrap()];
        let key = certs.join("client-key.pem");
        let key = rustls::pki_types::PrivateKeyDer::from_pem_file(key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let own = builder.with_root_certificates(roots).with_client_auth_cert(chain, key).unwrap();
        let account = target.config().user("u_x509").password("pw-x509").database("");
        let mut session = connect(&account.tls_config(Arc::new(own))).await;
        usable(&mut session).await;
    });
}

/// Whether the server proves itself: MariaDB from 11.4 on.
fn proves_itself(target: &Target) -> bool {
    target.server.name == "mariadb118"
}

/// Verifies the server, and says nothing about whom to trust.
fn verifying(target: &Target, user: &str, password: &str) -> Config {
    target.account(user, password).ssl_mode(SslMode::VerifyIdentity)
}

/// Every way to a hash that the server keeps; `u_either` gets to the last by auth switches.
fn proving_accounts() -> Vec<(&'static str, &'static str, &'static str)> {
    let mut accounts = vec![("u_native", "pw-native", "mysql_native_password")];
    if cfg!(feature = "ed25519") {
        accounts.push(("u_ed25519", "pw-ed25519", "client_ed25519"));
        accounts.push(("u_either", "pw-a", "client_ed25519"));
        // behind the switch to the other plugin comes one back.
        accounts.push(("u_either", "pw-b", "mysql_native_password"));
    }
    if cfg!(feature = "parsec") {
        accounts.push(("u_parsec", "pw-parsec", "parsec"));
    }
    accounts
}

#[test]
fn a60_a61_an_untrusted_server_proves_itself_by_the_password() {
    each_server(async |target| {
        if !target.has_accounts() || !proves_itself(target) {
            return;
        }
        for (user, password, plugin) in proving_accounts() {
            let mut session = connect(&verifying(target, user, password)).await;
            assert_eq!(session.auth_plugin(), plugin, "{user}");
            assert!(session.is_encrypted());
            usable(&mut session).await;
        }
    });
}

#[test]
fn a60_t08_who_cannot_prove_itself_is_refused() {
    each_server(async |target| {
        if !target.has_accounts() {
            return;
        }
        if !proves_itself(target) {
            // MySQL, and a MariaDB of before: the certificate decides.
            let error = refused(&target.config().ssl_mode(SslMode::VerifyIdentity)).await;
            let Error::Tls(tls) = &error else { panic!("{error:?}") };
            assert!(matches!(**tls, TlsError::Failed(_)), "{error:?}");
            assert!(error.to_string().contains("UnknownIssuer"), "{error}");
            return;
        }
        // A wrong password is the server's word, and nobody vouches for the server.
        let error = refused(&verifying(target, "u_native", "pw-wrong")).await;
        assert!(error.to_string().starts_with("unverified server error 1045"), "{error}");
        // Everybody knows an empty one.
        let error = refused(&verifying(target, "u_native_empty", "")).await;
        assert!(error.to_string().contains("UnknownIssuer"), "{error}");
        // Plugins that would give the password away are not answered.
        let error = refused(&verifying(target, "u_pam", "pw-pam")).await;
        let Error::Tls(tls) = &error else { panic!("{error:?}") };
        assert!(matches!(**tls, TlsError::Unproved { .. }), "{error:?}");
    });
}

/// A relay with a certificate of its own gets the server's true proof, and it is of no use to it.
#[test]
fn a60_t08_somebody_in_between_is_found_out() {
    each_server(async |target| {
        if !target.has_accounts() || !proves_itself(target) {
            return;
        }
        let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls");
        for (user, password, _) in proving_accounts() {
            let (chain, key) = (data.join("self-signed.pem"), data.join("server-key.pem"));
            let (port, relay) = intercept(target.server.port, &chain, &key);
            let error = refused(&verifying(target, user, password).port(port)).await;
            let Error::Tls(tls) = &error else { panic!("{user}: {error:?}") };
            assert!(matches!(**tls, TlsError::Unproved { .. }), "{user}: {error:?}");
            let shown = error.to_string();
            assert!(shown.contains("somebody may be in between"), "{user}: {shown}");
            let said = relay.join().unwrap();
            let password = password.as_bytes();
            assert!(!said.windows(password.len()).any(|bytes| bytes == password), "{user}");
            // The login got through to the server, whose OK came back.
            assert!(said.windows(user.len()).any(|bytes| bytes == user.as_bytes()), "{user}");
        }
    });
}

/// The operating system's trust, in a process that is told what that is.
#[cfg(all(feature = "platform-verifier", target_os = "linux"))]
#[test]
fn the_operating_systems_trust() {
    const CHILD: &str = "MYWIRE_LIVE_SYSTEM_TRUST";

    if let Ok(url) = std::env::var(CHILD) {
        let config: Config = url.parse().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        return runtime.block_on(async {
            usable(&mut connect(&config.clone()).await).await;
            usable(&mut connect(&config.host("localhost")).await).await;
        });
    }
    each_server(async |target| {
        let Some(certs) = target.certs() else { return };
        let url = format!("{}?ssl-ca=system", target.server.url);
        let run = |ca: &str| {
            std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "certificates::the_operating_systems_trust", "--nocapture"])
                .env(CHILD, &url)
                .env("SSL_CERT_FILE", certs.join(ca))
                .env_remove("SSL_CERT_DIR")
                .output()
                .unwrap()
        };
        let trusting = run("ca.pem");
        let said = String::from_utf8_lossy(&trusting.stdout);
        assert!(trusting.status.success() && said.contains("1 passed"), "{trusting:?}");
        let other = run("other-ca.pem");
        let said = String::from_utf8_lossy(&other.stderr);
        assert!(!other.status.success() && said.contains("UnknownIssuer"), "{other:?}");
    });
}
