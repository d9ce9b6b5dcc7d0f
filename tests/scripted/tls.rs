//! TLS: when it has to be there, when it must not be trusted, and what came before it.

use mywire::error::TlsError;
use mywire::wire::{Capabilities, SslRequest};
use mywire::{Config, Error, Sent, Session, SslMode};

use crate::scripted::*;

const NEED_TLS: [SslMode; 3] = [SslMode::Required, SslMode::VerifyCa, SslMode::VerifyIdentity];

/// The account at a server whose certificates are known.
fn tls_config(mode: SslMode) -> Config {
    let config = config().ssl_mode(mode).host(TLS_NAME);
    match mode {
        SslMode::Disabled | SslMode::Preferred => config,
        _ => config.ssl_ca_file(tls_file("ca.pem")),
    }
}

#[test]
fn t04_h23_without_tls_nothing_is_written_where_it_is_required() {
    for greeting in [mysql(), mariadb()] {
        for mode in NEED_TLS {
            run(async move {
                let (stream, script) = serve(move |mut server| async move {
                    server.send(server.reply().greeting(&greeting)).await;
                    assert_eq!(server.until_closed().await, 0);
                });
                let error = Session::from_stream(stream, &tls_config(mode)).await.unwrap_err();
                let Error::Tls(tls) = &error else { panic!("{error}") };
                assert!(matches!(**tls, TlsError::NotOffered), "{error}");
                assert!(error.to_string().contains("ssl-mode=preferred"), "{error}");
                assert_eq!(error.was_sent(), Sent::No);
                assert!(script.done().await.is_empty());
            });
        }
    }
}

#[test]
fn t04_preferred_goes_on_without_tls_and_disabled_ignores_the_offer() {
    for (mode, greeting) in [(SslMode::Preferred, mysql()), (SslMode::Disabled, with_tls(mysql()))]
    {
        run(async move {
            let (mut session, script) =
                logged_in(greeting, &tls_config(mode), |mut server| async move {
                    server.echo().await;
                })
                .await;
            assert!(!session.is_encrypted());
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn e23_h22_the_request_for_tls_is_the_login_request_s_beginning() {
    for greeting in [mysql(), mariadb()] {
        for mode in NEED_TLS.into_iter().chain([SslMode::Preferred]) {
            run(async move {
                let (stream, script) = serve(move |mut server| async move {
                    // Their ids are 1 and 2: the server checks them (F-05).
                    let request = server.greet_tls(&greeting).await.unwrap();
                    let login = server.login_request().await;
                    assert_eq!(login.request().ssl_request(), request);
                    assert!(request.capabilities.contains(Capabilities::SSL));
                    let mut encoded = Vec::new();
                    request.encode(&mut encoded);
                    assert_eq!(encoded[..], login.payload[..SslRequest::SIZE]);
                    server.send(server.reply().ok()).await;
                    server.echo().await;
                });
                let mut session = Session::from_stream(stream, &tls_config(mode)).await.unwrap();
                assert!(session.is_encrypted());
                assert_in_step(&mut session).await;
                session.close().await.unwrap();
                let wire = script.done().await;
                // One packet in the clear, and of the account nothing.
                assert_eq!(wire.bytes()[..4], [32, 0, 0, 1]);
                assert!(!wire.contains(b"app\0"));
                wire.assert_without_secret(PASSWORD);
            });
        }
    }
}

#[test]
fn large_results_and_statements_cross_tls() {
    run(async {
        let sql = "x".repeat(3 << 20);
        let (stream, script) = serve(|mut server| async move {
            server.greet_tls(&mysql()).await.unwrap();
            server.login_request().await;
            server.send(server.reply().ok()).await;
            server.echo().await;
        });
        let config = tls_config(SslMode::VerifyIdentity);
        let mut session = Session::from_stream(stream, &config).await.unwrap();
        let back: String = session.fetch_one(&sql, ()).await.unwrap();
        assert!(back == sql);
        session.close().await.unwrap();
        script.done().await;
    });
}

#[test]
fn t06_what_came_with_the_greeting_does_not_survive_into_tls() {
    type Injected = fn(Packets) -> Packets;
    let injected: [Injected; 5] = [
        |packets| packets.ok(),
        |packets| packets.err(1045, "Access denied"),
        |packets| packets.auth_switch("mysql_clear_password", b""),
        |packets| packets.greeting(&mysql()),
        |packets| packets.raw(b"\0"),
    ];
    for inject in injected {
        for mode in NEED_TLS.into_iter().chain([SslMode::Preferred]) {
            run(async move {
                let (stream, script) = serve(move |mut server| async move {
                    let greeting = server.reply().greeting(&with_tls(mysql()));
                    server.send(inject(greeting)).await;
                    assert_eq!(server.until_closed().await, 0);
                });
                let error = Session::from_stream(stream, &tls_config(mode)).await.unwrap_err();
                let Error::Tls(tls) = &error else { panic!("{error}") };
                assert!(matches!(**tls, TlsError::PlaintextBeforeTls), "{error}");
                assert!(script.done().await.is_empty());
            });
        }
    }
}

#[test]
fn t05_an_error_in_place_of_the_servers_hello_is_no_login_error() {
    run(async {
        let (stream, script) = serve(|mut server| async move {
            server.send(server.reply().greeting(&with_tls(mysql()))).await;
            let request = server.payload().await;
            SslRequest::decode(&request).unwrap();
            server.send(server.reply().err(1045, "Access denied; log in at evil.test")).await;
            server.until_closed().await;
        });
        let config = tls_config(SslMode::VerifyIdentity);
        let error = Session::from_stream(stream, &config).await.unwrap_err();
        assert!(matches!(error, Error::Tls(_)), "{error}");
        assert!(!error.to_string().contains("evil"), "{error}");
        assert!(!error.is_retryable());
        script.done().await.assert_without_secret(PASSWORD);
    });
}

/// The error that a server with our certificate meets.
async fn refused(config: &Config) -> Error {
    let (stream, script) = serve(|mut server| async move {
        server.greet_tls(&mysql()).await.expect_err("the client goes on");
    });
    let error = Session::from_stream(stream, config).await.expect_err("a certificate");
    let wire = script.done().await;
    wire.assert_without_secret(PASSWORD);
    assert!(!wire.contains(b"app"), "the account's name was written");
    assert!(matches!(error, Error::Tls(_)), "{error}");
    error
}

#[test]
fn t09_a_certificate_for_another_host_is_refused() {
    for host in
        ["other.example.test", "db.example.test.evil.test", "127.0.0.2", "sub.db.example.test"]
    {
        run(async move {
            let config = tls_config(SslMode::VerifyIdentity).host(host);
            let error = refused(&config).await;
            assert!(error.to_string().contains("certificate"), "{error}");
        });
    }
    // The configured name counts, wherever the connection goes to.
    run(async {
        refused(&tls_config(SslMode::VerifyIdentity).tls_server_name("other.example.test")).await;
    });
}

#[test]
fn t09_a_certificate_of_a_foreign_ca_is_refused() {
    for mode in [SslMode::VerifyCa, SslMode::VerifyIdentity] {
        run(async move {
            let config = tls_config(mode).ssl_ca_file(tls_file("foreign-ca.pem"));
            let error = refused(&config).await;
            assert!(error.to_string().contains("certificate"), "{error}");
        });
    }
    // Public authorities did not sign it either.
    run(async {
        refused(&config().host(TLS_NAME).ssl_mode(SslMode::VerifyIdentity)).await;
    });
}

/// What a server with this certificate gets: a session, or the client's error.
async fn with_certificate(config: &Config, certificate: &'static str) -> Result<(), Error> {
    let (stream, script) = serve(move |mut server| async move {
        let Ok(_) = server.greet_tls_with(&mysql(), certificate).await else { return };
        server.login_request().await;
        server.send(server.reply().ok()).await;
        server.echo().await;
    });
    let session = Session::from_stream(stream, config).await;
    let outcome = match session {
        Ok(mut session) => {
            assert!(session.is_encrypted());
            assert_in_step(&mut session).await;
            Ok(())
        }
        Err(error) => {
            assert!(!script.wire.contains(b"app"), "the account's name was written");
            Err(error)
        }
    };
    script.done().await.assert_without_secret(PASSWORD);
    outcome
}

#[test]
fn t09_expired_early_and_nameless_certificates_are_refused() {
    for (certificate, mode, why) in [
        ("expired.pem", SslMode::VerifyCa, "expired"),
        ("expired.pem", SslMode::VerifyIdentity, "expired"),
        ("early.pem", SslMode::VerifyCa, "not valid yet"),
        ("early.pem", SslMode::VerifyIdentity, "not valid yet"),
        // The common name is no name.
        ("nameless.pem", SslMode::VerifyIdentity, "not valid for name"),
        ("self-signed.pem", SslMode::VerifyCa, "UnknownIssuer"),
        ("self-signed.pem", SslMode::VerifyIdentity, "UnknownIssuer"),
    ] {
        run(async move {
            let error = with_certificate(&tls_config(mode), certificate).await.unwrap_err();
            assert!(error.to_string().contains(why), "{certificate} {mode}: {error}");
            assert!(matches!(error, Error::Tls(_)), "{error}");
        });
    }
    // Listeners are kept out by these, too; nothing more was asked for.
    for certificate in ["expired.pem", "early.pem", "nameless.pem", "self-signed.pem"] {
        run(async move {
            with_certificate(&tls_config(SslMode::Required), certificate).await.unwrap();
        });
    }
}

#[test]
fn t09_a_wildcard_is_for_one_label() {
    run(async {
        let named = |host: &str| tls_config(SslMode::VerifyIdentity).host(host);
        with_certificate(&named("db.example.test"), "wildcard.pem").await.unwrap();
        for host in ["example.test", "a.db.example.test", "db.example.test.evil.test"] {
            let error = with_certificate(&named(host), "wildcard.pem").await.unwrap_err();
            assert!(error.to_string().contains("not valid for name"), "{host}: {error}");
        }
    });
}

/// T-82: the certificate that is pinned, and no other, whatever else is in order.
#[test]
fn a_pinned_certificate_is_taken_and_every_other_refused() {
    run(async {
        let pinned = |certificate: &str| {
            config().host("elsewhere.test").ssl_fingerprint(fingerprint(certificate))
        };
        for certificate in ["self-signed.pem", "server.pem", "expired.pem"] {
            with_certificate(&pinned(certificate), certificate).await.unwrap();
        }
        for config in [
            pinned("self-signed.pem"),
            pinned("self-signed.pem").ssl_mode(SslMode::Required),
            pinned("self-signed.pem").host(TLS_NAME).ssl_ca_file(tls_file("ca.pem")),
        ] {
            let error = with_certificate(&config, "server.pem").await.unwrap_err();
            let shown = mywire::CertificateFingerprint::from(fingerprint("server.pem"));
            assert!(error.to_string().contains(&shown.to_string()), "{error}");
            assert!(error.to_string().contains("`ssl-fingerprint`"), "{error}");
        }
        // Beside a CA the pin adds, and takes nothing away.
        let both = pinned("expired.pem").host(TLS_NAME).ssl_ca_file(tls_file("ca.pem"));
        let error = with_certificate(&both, "expired.pem").await.unwrap_err();
        assert!(error.to_string().contains("expired"), "{error}");
    });
}

/// The caller's own configuration is used as it is.
#[test]
fn the_callers_own_rustls_configuration() {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    let own = |ca: &str| {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(tls_file(ca)).unwrap()).unwrap();
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        std::sync::Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    };
    run(async move {
        let trusting = |ca| config().host(TLS_NAME).tls_config(own(ca));
        with_certificate(&trusting("ca.pem"), "server.pem").await.unwrap();
        let error = with_certificate(&trusting("foreign-ca.pem"), "server.pem").await.unwrap_err();
        assert!(error.to_string().contains("UnknownIssuer"), "{error}");
        let ambiguous = trusting("ca.pem").ssl_ca_file(tls_file("ca.pem"));
        assert!(ambiguous.validate().unwrap_err().to_string().contains("rustls"));
    });
}

#[test]
fn e24_t09_the_right_names_are_taken() {
    let configs = [
        tls_config(SslMode::VerifyIdentity),
        tls_config(SslMode::VerifyIdentity).host("DB.example.test."),
        tls_config(SslMode::VerifyIdentity).host("127.0.0.1"),
        tls_config(SslMode::VerifyIdentity).host("10.0.0.1").tls_server_name(TLS_NAME),
        // The name does not count here, and here the certificate does not.
        tls_config(SslMode::VerifyCa).host("other.example.test"),
        tls_config(SslMode::Required).ssl_ca_file(tls_file("foreign-ca.pem")),
        // Once a CA is given its server has to be the one we meant.
        config().host(TLS_NAME).ssl_ca_file(tls_file("ca.pem")),
    ];
    for config in configs {
        run(async move {
            let (stream, script) = serve(|mut server| async move {
                server.greet_tls(&mysql()).await.unwrap();
                server.login_request().await;
                server.send(server.reply().ok()).await;
                server.echo().await;
            });
            let mut session = Session::from_stream(stream, &config).await.unwrap();
            assert!(session.is_encrypted());
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn t101_a_tls_session_that_ends_tells_an_end_in_order_from_a_cut() {
    // Within a result both are errors: only the terminator ends rows.
    for in_order in [true, false] {
        run(async move {
            let (stream, script) = serve(move |mut server| async move {
                server.greet_tls(&mysql()).await.unwrap();
                server.login_request().await;
                server.send(server.reply().ok()).await;
                server.command().await;
                let n = column("n", mywire::wire::ColumnType::LONGLONG);
                server.send(server.reply().columns(&[n]).row(&["1"])).await;
                if in_order {
                    server.half_close().await;
                }
            });
            let config = tls_config(SslMode::VerifyIdentity);
            let mut session = Session::from_stream(stream, &config).await.unwrap();
            let mut rows = session.query("SELECT n", ()).await.unwrap();
            assert!(rows.next().await.unwrap().is_some());
            let error = rows.next().await.unwrap_err();
            assert!(error.is_fatal() && error.to_string().contains("connection"), "{error}");
            assert_dead(&mut session, &script).await;
            drop(session);
            script.done().await;
        });
    }
}
