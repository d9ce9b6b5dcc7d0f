//! How often the transport is asked for something: counted by a stream around it.
//!
//! `MYWIRE_SYSCALLS_URL=mysql://… strace -f -c target/debug/deps/syscalls-… --exact by_hand` shows the
//! same from the kernel's side, with the session's own socket.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::as_conversions,
    reason = "a test target has no users"
)]

#[path = "support/metered.rs"]
mod metered;
#[path = "support/servers.rs"]
mod servers;

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use metered::{Meter, Metered, reading, take};
use mywire::wire::{Capabilities, ColumnDefinition, ColumnType, Greeting, StatusFlags, packet};
use mywire::{Config, Session, SslMode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

async fn metered_session(config: &Config, address: (&str, u16)) -> (Session, Arc<Mutex<Meter>>) {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (stream, meter) = Metered::new(stream);
    (Session::from_stream(stream, config).await.unwrap(), meter)
}

/// A point query is one write and one read; connecting writes the handshake's packets and nothing
/// else.
#[tokio::test]
async fn a_point_query_is_one_write_and_one_read() {
    for server in servers::all() {
        let config: Config = server.url.parse().unwrap();
        let address = (server.host.as_str(), server.port);
        for mode in [SslMode::Required, SslMode::Disabled] {
            let name = format!("{} {mode}", server.name);
            // The login over TLS has warmed MySQL's password cache, so that the one without TLS
            // takes the fast path; a FLUSH PRIVILEGES in between makes it cold, once.
            let config = config.clone().ssl_mode(mode);
            let (mut session, meter) = match mode {
                SslMode::Disabled => warm_session(&config, address).await,
                _ => metered_session(&config, address).await,
            };
            let connecting = take(&meter);
            if mode == SslMode::Disabled {
                let login = connecting.packets_written();
                // One answer more where the account's plugin is not the one of the greeting.
                assert!(matches!(login[..], [1] | [1, 3]), "{name}: {login:?}");
                assert_eq!(connecting.writes, login.len(), "{name}");
            } else {
                // SSLRequest with ClientHello, Finished with the login, and what the plugin asks.
                assert!(connecting.writes <= 5, "{name}: {}", connecting.writes);
            }
            session.fetch_one::<i64>("SELECT 0", ()).await.unwrap();
            take(&meter);
            for i in 0..1000_i64 {
                let got: i64 = session.fetch_one(&format!("SELECT {i}"), ()).await.unwrap();
                assert_eq!(got, i);
            }
            let Meter { reads, writes, .. } = reading(&meter);
            assert_eq!((writes, reads), (1000, 1000), "{name}");
        }
    }
}

async fn warm_session(config: &Config, address: (&str, u16)) -> (Session, Arc<Mutex<Meter>>) {
    for _ in 0..20 {
        drop(Session::connect_with(&config.clone().ssl_mode(SslMode::Required)).await.unwrap());
        let (stream, meter) = Metered::new(TcpStream::connect(address).await.unwrap());
        match Session::from_stream(stream, config).await {
            Ok(session) => return (session, meter),
            Err(mywire::Error::Auth(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("MySQL's password cache was empty twenty times right after a login");
}

/// A stream whose data are always there takes reads of 64 KiB and more.
#[tokio::test]
async fn a_hot_stream_is_read_in_large_pieces() {
    let mut row = vec![60];
    row.extend_from_slice(&[b'x'; 60]);
    read_hot_stream(&row, 400_000).await;
}

/// Nor do large rows cost more reads for being read each to its end.
#[tokio::test]
async fn a_hot_stream_of_large_rows_is_read_row_by_row() {
    let mut row = vec![0xFD, 0, 0, 1];
    row.resize(4 + (64 << 10), b'x');
    read_hot_stream(&row, 400).await;
    let mut row = vec![0xFD, 0, 0, 5];
    row.resize(4 + (5 << 16), b'x');
    read_hot_stream(&row, 100).await;
}

async fn read_hot_stream(row: &[u8], rows: u64) {
    let (mut input, mut result) = (handshake(), Vec::new());
    let mut id = packet::write(&mut result, &[1], 1);
    let mut definition = Vec::new();
    ColumnDefinition {
        catalog: b"def",
        schema: b"",
        table: b"",
        org_table: b"",
        name: b"c",
        org_name: b"",
        extended: mywire::wire::ExtendedMetadata::default(),
        collation: 45,
        length: 100,
        column_type: ColumnType::VAR_STRING,
        flags: mywire::wire::ColumnFlags::default(),
        decimals: 0,
    }
    .encode(Capabilities::NONE, &mut definition);
    id = packet::write(&mut result, &definition, id);
    for _ in 0..rows {
        id = packet::write(&mut result, row, id);
    }
    packet::write(&mut result, &[0xFE, 0, 0, 2, 0, 0, 0], id);
    let bytes = result.len() as u64;
    input.push(result);
    let (stream, meter) = Metered::new(Ready { replies: input, at: 0 });
    let mut session = Session::from_stream(stream, &plain()).await.unwrap();
    take(&meter);
    let mut result = session.query("SELECT c", ()).await.unwrap();
    let mut seen = 0;
    while result.next().await.unwrap().is_some() {
        seen += 1;
    }
    assert_eq!(seen, rows);
    let Meter { reads, writes, read_bytes, .. } = reading(&meter);
    assert_eq!((writes, read_bytes), (1, bytes));
    // The first reads are small, until the stream shows that it has more.
    let most = bytes / (64 << 10) + 8;
    assert!(reads as u64 <= most, "{reads} reads of {bytes} bytes, {most} expected at most");
}

fn plain() -> Config {
    Config::default().host("127.0.0.1").user("root").ssl_mode(SslMode::Disabled)
}

/// The greeting, and the OK that answers the login.
fn handshake() -> Vec<Vec<u8>> {
    let capabilities = Capabilities::LONG_PASSWORD
        | Capabilities::PROTOCOL_41
        | Capabilities::SECURE_CONNECTION
        | Capabilities::PLUGIN_AUTH
        | Capabilities::DEPRECATE_EOF;
    let greeting = Greeting {
        server_version: b"9.7.4",
        connection_id: 1,
        nonce_first: *b"12345678",
        nonce_rest: b"123456789012",
        capabilities,
        collation: 45,
        status: StatusFlags(2),
        auth_plugin: b"mysql_native_password",
    };
    let (mut payload, mut greeted, mut ok) = (Vec::new(), Vec::new(), Vec::new());
    greeting.encode(&mut payload).unwrap();
    packet::write(&mut greeted, &payload, 0);
    packet::write(&mut ok, &[0, 0, 0, 2, 0, 0, 0], 2);
    vec![greeted, ok]
}

/// A server whose next reply is there as soon as something was written, all of it.
struct Ready {
    replies: Vec<Vec<u8>>,
    at: usize,
}

impl AsyncRead for Ready {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(reply) = self.replies.first() else { return Poll::Pending };
        let rest = &reply[self.at..];
        if rest.is_empty() {
            return Poll::Pending;
        }
        let n = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..n]);
        self.at += n;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Ready {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.replies.first().is_some_and(|reply| reply.len() == self.at) {
            self.replies.remove(0);
            self.at = 0;
        }
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What strace is to look at: one session, 1,000 queries. It takes the first server, or the one
/// named, so that no other session is counted.
#[tokio::test]
async fn by_hand() {
    let url = std::env::var("MYWIRE_SYSCALLS_URL");
    let url = url.unwrap_or_else(|_| servers::all()[0].url.clone());
    let mut session = Session::connect(&url).await.unwrap();
    for i in 0..1000_i64 {
        let got: i64 = session.fetch_one(&format!("SELECT {i}"), ()).await.unwrap();
        assert_eq!(got, i);
    }
    session.close().await.unwrap();
}
