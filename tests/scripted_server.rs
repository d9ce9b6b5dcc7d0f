//! The example server, which is there to test other clients: this one against it.
#![cfg(feature = "tokio")]
#![allow(missing_docs, unreachable_pub, reason = "a test")]
#![allow(dead_code, reason = "its main serves a port")]

#[path = "../examples/scripted_server.rs"]
mod scripted_server;

use std::net::TcpListener;
use std::thread;

use mywire::{Config, Error, Result, Session, SslMode};
use scripted_server::Server;

/// How many seeds: each damages one reply of a short session.
const SEEDS: u64 = 150;

/// A session with a server of this seed, and what came of it.
fn session(seed: Option<u64>) -> Result<(Vec<(u64, String)>, u64)> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        Server::new(stream, seed).run()
    });
    let config = Config::default()
        .host("127.0.0.1")
        .port(port)
        .user("anyone")
        .password("anything")
        .ssl_mode(SslMode::Disabled);
    let config = match seed {
        None => config,
        // A reply that was cut is waited for until here.
        Some(_) => config.read_timeout(std::time::Duration::from_millis(300)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcome = runtime.block_on(async {
        let mut session = Session::connect_with(&config).await?;
        let rows: Vec<(u64, String)> = session.fetch_all("SELECT 3", ()).await?;
        session.ping().await?;
        let statement = session.prepare("SELECT 5").await?;
        let binary: Vec<(u64, String)> = session.fetch_all(&statement, ()).await?;
        let failed = session.execute("FAIL", ()).await;
        assert!(seed.is_some() || matches!(failed, Err(Error::Server(_))), "{failed:?}");
        session.execute("SET x = 1", ()).await?;
        session.close().await?;
        Ok((rows, u64::try_from(binary.len()).unwrap()))
    });
    drop(runtime);
    // The client left, so the server did; what it makes of that does not matter.
    drop(server.join().unwrap());
    outcome
}

#[test]
fn an_honest_server_is_understood() {
    let (rows, binary) = session(None).unwrap();
    let wanted: Vec<_> = (0..3).map(|row| (row, format!("row {row}"))).collect();
    assert_eq!((rows, binary), (wanted, 5));
}

/// T-20, T-60: whatever a seed damages, the session ends well or with an error.
#[test]
fn t20_damage_of_any_seed_is_an_error_or_harmless() {
    let (mut well, mut failed) = (0, 0);
    for seed in 0..SEEDS {
        match session(Some(seed)) {
            Ok(_) => well += 1,
            Err(_) => failed += 1,
        }
    }
    assert!(well > 0 && failed > 0, "{well} well, {failed} failed");
}
