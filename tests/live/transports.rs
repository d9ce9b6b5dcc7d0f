//! Ways to reach a server: sockets, TLS, certificates.

use std::net::TcpStream;
use std::sync::Arc;

use mywire::error::TlsError;
use mywire::proto::{Login, Step, TlsClient, TlsPlan};
use mywire::{Config, Error, Session, SslMode};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::target::{connect, exclusively, refused, usable};
use crate::tls12::Front;
use crate::{Target, each_server};

/// The TLS version as the server sees it; empty without TLS.
async fn tls_version(session: &mut Session) -> String {
    let (_, version): (String, String) =
        session.fetch_one("SHOW STATUS LIKE 'Ssl_version'", ()).await.unwrap();
    version
}

#[test]
fn a_unix_socket_is_a_transport_without_tls() {
    each_server(async |target| {
        let Some(socket) = target.socket() else { return };
        let mut session = connect(&target.config().socket(socket)).await;
        assert!(!session.is_encrypted());
        assert_eq!(tls_version(&mut session).await, "");
        let host: String = session.fetch_one("SELECT USER()", ()).await.unwrap();
        assert_eq!(host, "root@localhost");
        usable(&mut session).await;
    });
}

/// T-102: the servers' processes are those of the user who started them, who owns the socket.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn t102_whose_process_listens_can_be_demanded() {
    use std::os::unix::fs::MetadataExt;

    each_server(async |target| {
        let Some(socket) = target.socket() else { return };
        let owner = std::fs::metadata(socket).unwrap().uid();
        let config = target.config().socket(socket);
        let mut session = connect(&config.clone().socket_peer_uid(owner)).await;
        usable(&mut session).await;
        let error = refused(&config.socket_peer_uid(owner + 1)).await;
        assert!(error.to_string().contains("`socket-peer-uid`"), "{error}");
    });
}

#[test]
fn tcp_without_tls() {
    each_server(async |target| {
        let _lock = exclusively(target, "password cache").await;
        // MySQL takes a password over plain TCP once it has seen it over TLS.
        target.session().await.close().await.unwrap();
        let mut session = connect(&target.config().ssl_mode(SslMode::Disabled)).await;
        assert!(!session.is_encrypted());
        assert_eq!(tls_version(&mut session).await, "");
        usable(&mut session).await;
    });
}

#[test]
fn tls_1_3_is_what_servers_and_client_agree_on() {
    each_server(async |target| {
        let mut session = connect(&target.config().ssl_mode(SslMode::Required)).await;
        assert!(session.is_encrypted());
        assert_eq!(tls_version(&mut session).await, "TLSv1.3");
        usable(&mut session).await;
    });
}

/// The crate has no option for the version, its core has: a front of the test's own with a
/// configuration that allows 1.2 alone.
#[test]
fn tls_1_2_through_the_core() {
    each_server(async |target| {
        let Some(certs) = target.certs() else { return };
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(certs.join("ca.pem")).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS12])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut login = Login::new("root", "secret");
        login.tls = TlsPlan::Always(TlsClient {
            config: Arc::new(config),
            server_name: "localhost".try_into().unwrap(),
            verifies: true,
            or_proof: None,
        });
        let stream = TcpStream::connect(("127.0.0.1", target.server.port)).unwrap();
        let mut front = Front::connect(stream, login).unwrap();
        assert!(front.connection.is_encrypted());
        front.connection.query(b"SHOW STATUS LIKE 'Ssl_version'").unwrap();
        assert_eq!(front.step().unwrap(), Step::Columns);
        assert_eq!(front.step().unwrap(), Step::Row);
        let row: (&str, &str) = front.connection.row().decode().unwrap();
        assert_eq!(row, ("Ssl_version", "TLSv1.2"));
        assert_eq!(front.step().unwrap(), Step::Done);
        assert_eq!(front.step().unwrap(), Step::Idle);
    });
}

#[test]
fn a_verified_certificate_authority_and_identity() {
    each_server(async |target| {
        let Some(certs) = target.certs() else { return };
        let ca = target.config().ssl_ca_file(certs.join("ca.pem"));
        let ways: [(&str, Config); 6] = [
            ("the CA alone", ca.clone().ssl_mode(SslMode::VerifyCa)),
            // The name is not looked at, so that a wrong one does not matter.
            (
                "the CA, whatever the name",
                ca.clone().ssl_mode(SslMode::VerifyCa).tls_server_name("wrong.example"),
            ),
            ("the host's name", ca.clone().ssl_mode(SslMode::VerifyIdentity).host("localhost")),
            ("the host's address", ca.clone().ssl_mode(SslMode::VerifyIdentity)),
            (
                "another name that was asked for",
                ca.clone().ssl_mode(SslMode::VerifyIdentity).tls_server_name("localhost"),
            ),
            ("a CA verifies the identity unasked", ca.clone()),
        ];
        for (way, config) in ways {
            let mut session = connect(&config).await;
            assert!(session.is_encrypted(), "{way}");
            assert_eq!(tls_version(&mut session).await, "TLSv1.3", "{way}");
        }
        let pem = std::fs::read(certs.join("ca.pem")).unwrap();
        usable(&mut connect(&target.config().ssl_ca_pem(pem)).await).await;
    });
}

#[test]
fn h24_a_certificate_for_another_host_is_refused() {
    each_server(async |target| {
        let Some(certs) = target.certs() else { return };
        let identity =
            target.config().ssl_ca_file(certs.join("ca.pem")).ssl_mode(SslMode::VerifyIdentity);
        let error = refused(&identity.clone().tls_server_name("wrong.example")).await;
        assert_not_for_this_host(&error);
        // A host that is reached, by a tunnel for instance, and that the certificate does not name.
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", target.server.port)).await;
        let elsewhere = identity.host("db.example.com");
        let error = Session::from_stream(stream.unwrap(), &elsewhere).await.err().unwrap();
        assert_not_for_this_host(&error);
    });
}

#[track_caller]
fn assert_not_for_this_host(error: &Error) {
    assert!(matches!(error, Error::Tls(_)), "{error:?}");
    let shown = error.to_string();
    assert!(shown.contains("not valid for name"), "{shown}");
    assert!(error.is_fatal() && !error.is_retryable());
}

#[test]
fn a_foreign_certificate_authority_is_refused() {
    each_server(async |target| {
        let Some(certs) = target.certs() else { return };
        let foreign = target.config().ssl_ca_file(certs.join("other-ca.pem"));
        for mode in [SslMode::VerifyCa, SslMode::VerifyIdentity] {
            let error = refused(&foreign.clone().ssl_mode(mode)).await;
            let Error::Tls(tls) = &error else { panic!("{error:?}") };
            let TlsError::Failed(rustls::Error::InvalidCertificate(why)) = &**tls else {
                panic!("{tls:?}")
            };
            assert_eq!(*why, rustls::CertificateError::UnknownIssuer, "{mode}");
            assert!(error.to_string().contains("UnknownIssuer"), "{error}");
        }
        // Public authorities did not sign it either.
        let public = target.config().ssl_mode(SslMode::VerifyIdentity);
        // A MariaDB that proves itself otherwise is looked at in `certificates.rs`.
        if target.server.name != "mariadb118" {
            let error = refused(&public).await;
            match cfg!(feature = "webpki-roots") {
                true => assert!(matches!(error, Error::Tls(_)), "{error}"),
                // Without any authorities nothing can be verified.
                false => assert!(matches!(error, Error::Config(_)), "{error}"),
            }
        }
    });
}

/// What a server that nobody listens for looks like, next to the ones that answer.
#[test]
fn a_port_without_a_server_is_an_io_error() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let error = refused(&Config::default().host("127.0.0.1").port(port)).await;
        assert!(matches!(error, Error::Io(_)), "{error:?}");
        assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
        assert!(error.is_retryable());
    });
}

/// TLS in both directions with much to say: records, windows and packets do not end together.
#[test]
fn a_large_result_through_tls() {
    each_server(async |target: &Target| {
        let mut session = connect(&target.config().ssl_mode(SslMode::Required)).await;
        let mut sent = "x".repeat(300_000);
        sent.push_str("end");
        let sql = format!("SELECT '{sent}', REPEAT('y', 3000000)");
        let (back, made): (String, String) = session.fetch_one(&sql, ()).await.unwrap();
        assert!(back == sent && made == "y".repeat(3_000_000));
        usable(&mut session).await;
    });
}
