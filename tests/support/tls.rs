//! TLS for the scripted server, with the certificates of `tests/data/tls`.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use mywire::wire::{Capabilities, Greeting, SslRequest};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::{Io, Server};

/// The name in the server's certificate.
pub const TLS_NAME: &str = "db.example.test";

/// A file of `tests/data/tls`.
pub fn tls_file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls").join(name)
}

/// `greeting` from a server that offers TLS.
pub fn with_tls(greeting: Greeting<'static>) -> Greeting<'static> {
    Greeting { capabilities: greeting.capabilities | Capabilities::SSL, ..greeting }
}

impl Server {
    /// Greets with the offer of TLS, reads the request for it and does the handshake. An error is
    /// what the client made of the certificate.
    pub async fn greet_tls(&mut self, greeting: &Greeting<'_>) -> Result<SslRequest, String> {
        self.greet_tls_with(greeting, "server.pem").await
    }

    /// [`greet_tls`](Self::greet_tls) with another certificate of `tests/data/tls`.
    pub async fn greet_tls_with(
        &mut self,
        greeting: &Greeting<'_>,
        certificate: &str,
    ) -> Result<SslRequest, String> {
        let offered = greeting.capabilities | Capabilities::SSL;
        let greeting = Greeting { capabilities: offered, ..*greeting };
        self.send(self.reply().greeting(&greeting)).await;
        let request = self.payload().await;
        let request = SslRequest::decode(&request).expect("a request for TLS");
        self.start_tls(certificate).await?;
        Ok(request)
    }

    async fn start_tls(&mut self, certificate: &str) -> Result<(), String> {
        let Io::Plain(pipe) = std::mem::replace(&mut self.io, Io::Gone) else {
            panic!("TLS begins once");
        };
        let records = std::mem::take(&mut self.pending);
        let tls =
            TlsPipe::accept(pipe, records, certificate).await.map_err(|error| error.to_string())?;
        self.io = Io::Tls(Box::new(tls));
        Ok(())
    }
}

/// A TLS session over the pipe.
#[derive(Debug)]
pub(super) struct TlsPipe {
    session: ServerConnection,
    pipe: DuplexStream,
}

impl TlsPipe {
    /// Does the handshake, whose first bytes may have arrived already.
    async fn accept(pipe: DuplexStream, records: Vec<u8>, certificate: &str) -> io::Result<Self> {
        let session =
            ServerConnection::new(server_config(certificate)).map_err(io::Error::other)?;
        let mut tls = Self { session, pipe };
        tls.take(&records).await?;
        while tls.session.is_handshaking() {
            if tls.receive().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(tls)
    }

    pub(super) async fn read(&mut self, out: &mut Vec<u8>) -> io::Result<usize> {
        let mut plain = vec![0; 64 << 10];
        loop {
            match self.session.reader().read(&mut plain) {
                Ok(n) => {
                    out.extend_from_slice(&plain[..n]);
                    return Ok(n);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if self.receive().await? == 0 {
                return Ok(0);
            }
        }
    }

    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        for chunk in bytes.chunks(16 << 10) {
            self.session.writer().write_all(chunk)?;
            self.flush().await?;
        }
        Ok(())
    }

    pub(super) async fn half_close(&mut self) -> io::Result<()> {
        self.session.send_close_notify();
        self.flush().await?;
        self.pipe.shutdown().await
    }

    async fn receive(&mut self) -> io::Result<usize> {
        let mut records = vec![0; 16 << 10];
        let n = self.pipe.read(&mut records).await?;
        self.take(&records[..n]).await?;
        Ok(n)
    }

    async fn take(&mut self, mut records: &[u8]) -> io::Result<()> {
        while !records.is_empty() {
            self.session.read_tls(&mut records)?;
            let processed = self.session.process_new_packets();
            // An alert goes out before the handshake is given up.
            self.flush().await?;
            processed.map_err(io::Error::other)?;
        }
        self.flush().await
    }

    async fn flush(&mut self) -> io::Result<()> {
        let mut records = Vec::new();
        while self.session.wants_write() {
            self.session.write_tls(&mut records)?;
        }
        self.pipe.write_all(&records).await
    }
}

/// The SHA-256 of a certificate of `tests/data/tls`.
pub fn fingerprint(certificate: &str) -> [u8; 32] {
    let der = CertificateDer::from_pem_file(tls_file(certificate)).expect("a certificate");
    Sha256::digest(der).into()
}

fn server_config(certificate: &str) -> Arc<ServerConfig> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(tls_file(certificate))
        .expect("the certificate's file")
        .collect::<Result<_, _>>()
        .expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(tls_file("server-key.pem")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate and its key");
    Arc::new(config)
}
