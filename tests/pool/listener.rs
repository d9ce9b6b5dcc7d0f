//! Scripted servers behind a real port, for who connects by address.

#![allow(dead_code, reason = "each test target uses a part of it")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use mywire::Config;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::scripted::{PASSWORD, Script, Server, Wire, serve};

/// A port on which each connection gets a script of its own.
pub struct Listener {
    port: u16,
    connections: Arc<AtomicUsize>,
    scripts: Arc<Mutex<Vec<Script>>>,
    accepting: JoinHandle<()>,
}

impl Listener {
    /// `script` gets the connection's number, from 0, and its server.
    pub async fn new<F>(script: impl Fn(usize, Server) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let scripts: Arc<Mutex<Vec<Script>>> = Arc::default();
        let accepting = tokio::spawn({
            let (connections, scripts) = (connections.clone(), scripts.clone());
            async move {
                loop {
                    let (mut tcp, _) = listener.accept().await.unwrap();
                    let number = connections.fetch_add(1, Ordering::SeqCst);
                    let (mut tap, running) = serve(|server| script(number, server));
                    scripts.lock().unwrap().push(running);
                    tokio::spawn(async move {
                        let _ = tokio::io::copy_bidirectional(&mut tcp, &mut tap).await;
                    });
                }
            }
        });
        Self { port, connections, scripts, accepting }
    }

    pub fn config(&self) -> Config {
        // Nothing of TLS in a script that says nothing of it.
        let config = Config::default().host("127.0.0.1").port(self.port);
        config.user("app").password(PASSWORD).ssl_mode(mywire::SslMode::Disabled)
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// What the client wrote on a connection.
    pub fn wire(&self, number: usize) -> Wire {
        self.scripts.lock().unwrap()[number].wire.clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.accepting.abort();
        for script in self.scripts.lock().unwrap().drain(..) {
            script.abandon();
        }
    }
}
