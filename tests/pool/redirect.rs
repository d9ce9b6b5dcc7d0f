//! Servers that would rather have others asked (T-10, H-49).

use std::io::Write;

use mywire::error::{ServerErrorKind, TlsError};
use mywire::{Config, Endpoint, Error, Session, SslMode};

use tokio::net::{TcpListener, TcpStream};

use crate::restart::Own;
use crate::servers::{self, Flavor};

fn port(config: &Config) -> u16 {
    match config.endpoint() {
        Endpoint::Tcp { port, .. } => *port,
        other => panic!("{other:?}"),
    }
}

async fn port_reached(config: &Config) -> u16 {
    let mut session = Session::connect_with(config).await.unwrap();
    session.fetch_one("SELECT @@port", ()).await.unwrap()
}

/// The error of a connect, and that the blocking front says the same.
async fn denied_at(config: &Config) -> Error {
    #[cfg(feature = "blocking")]
    {
        let config = config.clone();
        let connecting = tokio::task::spawn_blocking(move || {
            mywire::blocking::Session::connect_with(&config).map(drop)
        });
        connecting.await.unwrap().unwrap_err();
    }
    Session::connect_with(config).await.unwrap_err()
}

/// The server of a port under an address that is not in its certificate.
async fn relay(port: u16) -> (&'static str, u16) {
    let address = "127.0.0.2";
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (address, own)
}

#[test]
fn t10_h49_redirects_are_told_and_followed_only_if_asked() {
    if servers::all().iter().any(|server| server.flavor == Flavor::Unknown) {
        // Not `eprintln!`, which would be captured.
        let line = b"t10_h49_redirects: NOT RUN: servers of MYWIRE_TEST_URL are nobody's to point elsewhere\n";
        return std::io::stderr().write_all(line).unwrap();
    }
    let own = Own::new("redirect");
    let (first, second) = (own.up("mariadb118"), own.up("mariadb1011"));
    let (a, b) = (port(&first), port(&second));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut owner = Session::connect_with(&first).await.unwrap();
        let verified = first.clone().host("localhost").ssl_ca_file(own.run.join("certs/ca.pem"));
        let following = verified.clone().redirect_to(["localhost"]);
        assert_eq!(port_reached(&following).await, a, "there is no redirect yet");
        let mut point_to = async |port: u16| {
            let sql = format!("SET GLOBAL redirect_url = 'mysql://localhost:{port}'");
            owner.execute(&sql, ()).await.unwrap();
        };
        point_to(b).await;
        // It is told, and nothing more.
        let session = Session::connect_with(&verified).await.unwrap();
        let url = format!("mysql://localhost:{b}");
        assert_eq!(session.redirect_url(), Some(url.as_str()));
        assert_eq!(port_reached(&verified).await, a);
        // Asked for, it is followed from a server that was verified, and from no other.
        assert_eq!(port_reached(&following).await, b);
        // Not to a host that nobody listed.
        let elsewhere = verified.clone().redirect_to(["example.com"]);
        assert_eq!(port_reached(&elsewhere).await, a);
        for mode in [SslMode::Disabled, SslMode::Required] {
            let unverified = first.clone().ssl_mode(mode).redirect_to(["localhost"]);
            assert_eq!(port_reached(&unverified).await, a, "{mode}");
        }
        // In a circle; to nobody.
        for nowhere in [a, 1] {
            point_to(nowhere).await;
            assert_eq!(port_reached(&following).await, a, "{nowhere}");
        }
        // One that knows no such account: not the first server in its stead, without a word.
        point_to(b).await;
        owner.execute("CREATE USER only_here@'%' IDENTIFIED BY 'pw-here'", ()).await.unwrap();
        let account = verified.user("only_here").password("pw-here").database("");
        let denied = denied_at(&account.clone().redirect_to(["localhost"])).await;
        let Error::Server(error) = &denied else { panic!("{denied:?}") };
        assert_eq!(error.kind(), ServerErrorKind::AccessDenied, "{denied}");
        assert_eq!(port_reached(&account).await, a, "it is there");
        // One whose certificate is for another host.
        let (elsewhere, there) = relay(b).await;
        let sql = format!("SET GLOBAL redirect_url = 'mysql://{elsewhere}:{there}'");
        owner.execute(&sql, ()).await.unwrap();
        let wrong = denied_at(&following.clone().redirect_to([elsewhere])).await;
        let Error::Tls(error) = &wrong else { panic!("{wrong:?}") };
        assert!(matches!(**error, TlsError::Failed(_)), "{wrong}");
        assert!(wrong.to_string().contains("not valid for"), "{wrong}");
        assert_eq!(port_reached(&following).await, a, "nobody listed it");
    });
}
