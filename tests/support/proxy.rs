//! A proxy in user space that does to a connection what networks do: it cuts, stalls, half-closes,
//! trickles and damages, never reorders.

#![allow(dead_code, reason = "each test target uses a part of it")]
#![allow(unreachable_pub, reason = "included by other crates as a private module")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What happens to one direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The connection ends in both directions after this many bytes.
    Cut(u64),
    /// Nothing passes after this many bytes, and nobody is told.
    Stall(u64),
    /// This direction ends after this many bytes, the other goes on.
    HalfClose(u64),
    /// Every byte by itself.
    Trickle,
    /// So many bytes at a time.
    Portions(usize),
    /// One bit of this byte is turned over.
    Corrupt(u64, u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    ToServer,
    ToClient,
}

/// A proxy that runs until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    pub port: u16,
    to_client: Arc<AtomicU64>,
    /// Set, it lets nothing pass any more on any connection.
    frozen: Arc<AtomicBool>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// A proxy in front of a port of this machine. The fault is the first connection's; further ones
    /// pass.
    pub async fn start(server: u16, direction: Direction, fault: Fault) -> Self {
        Self::start_with(server, direction, fault, Fault::None).await
    }

    /// A proxy whose fault is every connection's.
    pub async fn start_for_all(server: u16, direction: Direction, fault: Fault) -> Self {
        Self::start_with(server, direction, fault, fault).await
    }

    async fn start_with(server: u16, direction: Direction, first: Fault, later: Fault) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let to_client = Arc::new(AtomicU64::new(0));
        let frozen = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        let (counter, ice) = (to_client.clone(), frozen.clone());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            let mut fault = first;
            while let Ok((client, _)) = listener.accept().await {
                let this = std::mem::replace(&mut fault, later);
                let (counter, ice) = (counter.clone(), ice.clone());
                connections.spawn(async move {
                    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else {
                        return;
                    };
                    let _ = client.set_nodelay(true);
                    let _ = server.set_nodelay(true);
                    let of = |way| if way == direction { this } else { Fault::None };
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    let up = pump(from_client, to_server, of(Direction::ToServer), None, &ice);
                    let down =
                        pump(from_server, to_client, of(Direction::ToClient), Some(&counter), &ice);
                    tokio::pin!(up, down);
                    // A cut ends both; an ordinary end of one direction leaves the other.
                    tokio::select! {
                        cut = &mut up => if !cut { down.await; },
                        cut = &mut down => if !cut { up.await; },
                    }
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { port, to_client, frozen, _tasks: tasks }
    }

    /// How many bytes have passed to clients.
    pub fn to_client(&self) -> u64 {
        self.to_client.load(Ordering::Relaxed)
    }

    /// Lets nothing pass from now on, and tells nobody.
    pub fn freeze(&self) {
        self.frozen.store(true, Ordering::Relaxed);
    }
}

/// Carries one direction; `true` if the connection is to be cut.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    fault: Fault,
    counter: Option<&AtomicU64>,
    frozen: &AtomicBool,
) -> bool {
    let mut buffer = vec![0; 64 << 10];
    let mut passed = 0_u64;
    loop {
        let n = match from.read(&mut buffer).await {
            Ok(0) => {
                let _ = to.shutdown().await;
                return false;
            }
            Ok(n) => n,
            Err(_) => return true,
        };
        if frozen.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let bytes = &mut buffer[..n];
        let end = passed + u64::try_from(n).unwrap();
        let within =
            |at: u64| (at < end).then(|| usize::try_from(at.saturating_sub(passed)).unwrap());
        let pass = match fault {
            Fault::Cut(at) | Fault::Stall(at) | Fault::HalfClose(at) => within(at).unwrap_or(n),
            Fault::Corrupt(at, bit) => {
                if let Some(place) = within(at).filter(|_| at >= passed) {
                    bytes[place] ^= 1 << bit;
                }
                n
            }
            Fault::None | Fault::Trickle | Fault::Portions(_) => n,
        };
        let step = match fault {
            Fault::Trickle => 1,
            Fault::Portions(bytes) => bytes,
            _ => pass.max(1),
        };
        for piece in bytes[..pass].chunks(step) {
            if to.write_all(piece).await.is_err() {
                return true;
            }
            if step < pass {
                tokio::task::yield_now().await;
            }
        }
        if let Some(counter) = counter {
            counter.fetch_add(u64::try_from(pass).unwrap(), Ordering::Relaxed);
        }
        passed = end;
        if pass < n {
            match fault {
                Fault::Stall(_) => std::future::pending::<()>().await,
                Fault::HalfClose(_) => {
                    let _ = to.shutdown().await;
                    return false;
                }
                _ => return true,
            }
        }
    }
}
