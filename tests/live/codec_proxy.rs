//! A proxy of whole packets, made of two codecs, between a session and each server.

use std::sync::{Arc, Mutex};

use mywire::codec::{CodecError, Packet, PacketCodec};
use mywire::wire::Command;
use mywire::{Session, SslMode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio_util::bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use crate::each_server;
use crate::target::{Target, exclusively, usable};

/// Passes packets on, and shows each, until the input ends.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut show: impl FnMut(&Packet),
) -> Result<(), CodecError> {
    let (mut decoder, mut encoder) = (PacketCodec::new(), PacketCodec::new());
    let (mut input, mut output) = (BytesMut::new(), BytesMut::new());
    loop {
        let read = from.read_buf(&mut input).await?;
        loop {
            let packet = match read {
                0 => decoder.decode_eof(&mut input)?,
                _ => decoder.decode(&mut input)?,
            };
            let Some(packet) = packet else { break };
            show(&packet);
            encoder.encode(packet, &mut output)?;
        }
        to.write_all_buf(&mut output).await?;
        if read == 0 {
            to.shutdown().await?;
            return Ok(());
        }
    }
}

/// The client's end of a pipe through a proxy; every packet of the client's is in the list.
async fn through(target: &Target) -> (DuplexStream, Arc<Mutex<Vec<Packet<Bytes>>>>) {
    let server = tokio::net::TcpStream::connect((&*target.server.host, target.server.port));
    let (from_server, to_server) = server.await.unwrap().into_split();
    let (client, proxy) = tokio::io::duplex(1 << 16);
    let (from_client, to_client) = tokio::io::split(proxy);
    let seen = Arc::<Mutex<Vec<Packet>>>::default();
    let list = seen.clone();
    tokio::spawn(pass(from_client, to_server, move |packet| {
        list.lock().unwrap().push(packet.clone());
    }));
    tokio::spawn(pass(from_server, to_client, |_| {}));
    (client, seen)
}

#[test]
fn f02_a_session_through_a_proxy_of_packets() {
    each_server(async |target| {
        let _lock = exclusively(target, "password cache").await;
        // MySQL takes a password over plain TCP once it has seen it over TLS.
        target.session().await.close().await.unwrap();
        let (client, seen) = through(target).await;
        // What is encrypted is no packets.
        let config = target.config().ssl_mode(SslMode::Disabled);
        let mut session = Session::from_stream(client, &config).await.unwrap();
        usable(&mut session).await;
        let maximum: u64 = session.fetch_one("SELECT @@max_allowed_packet", ()).await.unwrap();
        // Values over 16 MiB in both directions, where the server allows it, and below.
        for length in [1_000_000, 0xFF_FFFF - 40, 0xFF_FFFF + 40] {
            if length + 1000 > maximum {
                continue;
            }
            let value = "x".repeat(usize::try_from(length).unwrap());
            let back: String = session.fetch_one("SELECT ?", (&*value,)).await.unwrap();
            assert!(back == value, "{length}");
        }
        usable(&mut session).await;
        session.close().await.unwrap();
        // The proxy may be a moment behind.
        for _ in 0..500 {
            if seen.lock().unwrap().last().is_some_and(|packet| packet.payload[..] == [1]) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let seen = seen.lock().unwrap();
        let commands = seen.iter().filter(|packet| packet.sequence == 0);
        let commands: Vec<_> =
            commands.map(|packet| Command::decode(&packet.payload).unwrap()).collect();
        assert!(commands.len() >= 5, "{} commands", commands.len());
        assert!(matches!(commands[0], Command::Query(sql) if sql.starts_with(b"SELECT 4711")));
        assert!(matches!(commands.last(), Some(Command::Quit)));
    });
}
