//! A proxy that logs every command, made of two codecs of whole packets.
//!
//! ```text
//! cargo run --example proxy --features codec -- 127.0.0.1:3307 db.example.com:3306
//! mysql --protocol=tcp --port=3307 --get-server-public-key --user=app --password
//! mariadb --protocol=tcp --port=3307 --skip-ssl --user=app --password
//! ```
//!
//! What is encrypted or compressed cannot be read, so the proxy takes both out of what the server
//! offers: use it on lines that you trust. `record`, another example, follows replies as well.
#![allow(clippy::print_stdout, reason = "a program for people")]

use futures_util::{SinkExt, StreamExt, TryStreamExt};
use mywire::codec::{Packet, PacketCodec};
use mywire::wire::{Capabilities, Command, Greeting};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::codec::{FramedRead, FramedWrite};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What commands could not be read with.
const UNREADABLE: Capabilities = Capabilities::SSL
    .with(Capabilities::COMPRESS)
    .with(Capabilities::ZSTD_COMPRESSION_ALGORITHM)
    .with(Capabilities::QUERY_ATTRIBUTES);

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, target] = &*arguments else { return Err("usage: proxy LISTEN TARGET".into()) };
    let listener = TcpListener::bind(listen).await?;
    println!("listening on {}", listener.local_addr()?);
    for number in 1_u64.. {
        let (client, _) = listener.accept().await?;
        let target = target.clone();
        tokio::spawn(async move {
            match pass(client, &target, number).await {
                Ok(()) => println!("{number}: over"),
                Err(error) => println!("{number}: {error}"),
            }
        });
    }
    Ok(())
}

/// Passes packets on in both directions until both sides have ended.
async fn pass(client: TcpStream, target: &str, number: u64) -> Result<()> {
    let server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let from_client = FramedRead::new(from_client, PacketCodec::new());
    let mut to_client = FramedWrite::new(to_client, PacketCodec::new());
    let mut from_server = FramedRead::new(from_server, PacketCodec::new());
    let to_server = FramedWrite::new(to_server, PacketCodec::new());

    let Packet { sequence, payload } = from_server.next().await.ok_or("there is no greeting")??;
    // A server that wants nobody sends an error in the greeting's place.
    let payload = match Greeting::decode(&payload) {
        Ok(greeting) => {
            let mut readable = Vec::new();
            let capabilities = greeting.capabilities.without(UNREADABLE);
            Greeting { capabilities, ..greeting }.encode(&mut readable)?;
            readable.into()
        }
        Err(_) => payload,
    };
    to_client.send(Packet { sequence, payload }).await?;

    let up = from_client.inspect_ok(|packet| show(number, packet)).forward(to_server);
    let down = from_server.forward(to_client);
    tokio::try_join!(up, down)?;
    Ok(())
}

/// Shows a command: what begins an exchange. The login is part of the greeting's, so no hash of a
/// password is shown.
fn show(number: u64, packet: &Packet) {
    if packet.sequence != 0 {
        return;
    }
    match Command::decode(&packet.payload) {
        Ok(Command::Query(sql) | Command::StmtPrepare(sql)) => {
            println!("{number}: {:?}", String::from_utf8_lossy(sql));
        }
        Ok(command) => println!("{number}: {command:?}"),
        Err(error) => println!("{number}: {error}"),
    }
}
