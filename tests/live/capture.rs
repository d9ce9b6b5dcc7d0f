//! A go-between that keeps what the client sends, over TCP or a Unix socket.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// Takes connections and hands them on until it is dropped.
pub struct Capture {
    written: Arc<Mutex<Vec<u8>>>,
    task: JoinHandle<()>,
    socket: Option<PathBuf>,
}

impl Capture {
    /// In front of a TCP port of this machine; gives its own port.
    pub async fn tcp(port: u16) -> (Self, u16) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let log = written.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
                    continue;
                };
                tokio::spawn(hand_on(client, server, log.clone()));
            }
        });
        (Self { written, task, socket: None }, own)
    }

    /// In front of a Unix socket; gives the path of its own.
    pub fn unix(path: &Path) -> (Self, PathBuf) {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("mywire-{}-{number}.sock", std::process::id());
        let own = std::env::temp_dir().join(name);
        let _ = std::fs::remove_file(&own);
        let listener = UnixListener::bind(&own).unwrap();
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let (log, path) = (written.clone(), path.to_owned());
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = UnixStream::connect(&path).await else { continue };
                tokio::spawn(hand_on(client, server, log.clone()));
            }
        });
        (Self { written, task, socket: Some(own.clone()) }, own)
    }

    /// What clients have sent so far.
    pub fn written(&self) -> Vec<u8> {
        self.written.lock().unwrap().clone()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(socket) = &self.socket {
            let _ = std::fs::remove_file(socket);
        }
    }
}

async fn hand_on(
    client: impl AsyncRead + AsyncWrite,
    server: impl AsyncRead + AsyncWrite,
    log: Arc<Mutex<Vec<u8>>>,
) {
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let up = async {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = from_client.read(&mut buffer).await {
            // Before it goes on, so that whoever sees the answer finds it here.
            log.lock().unwrap().extend_from_slice(&buffer[..n]);
            if to_server.write_all(&buffer[..n]).await.is_err() {
                break;
            }
        }
        let _ = to_server.shutdown().await;
    };
    let down = async {
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
        let _ = to_client.shutdown().await;
    };
    tokio::join!(up, down);
}
