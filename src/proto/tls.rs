//! TLS as a filter of bytes between the transport and the packets.
//!
//! `std::io`'s `Read` and `Write` appear here alone, as the traits through which rustls takes
//! slices: no I/O happens.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::ClientConnection;
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::ServerName;

#[cfg(feature = "compress")]
use super::compress::Compress;
use super::recv::Recv;
use super::send::SendBuf;
use super::server_proof::{TolerantVerifier, Untrusted};
use crate::error::TlsError;

/// The space for records, in bytes: several of the largest ones (16 KiB and a little).
const WINDOW: usize = 64 << 10;

/// How to speak TLS with the server, and what that proves.
#[derive(Clone)]
pub struct TlsClient {
    /// rustls's configuration: roots, client certificate, versions, provider.
    pub config: Arc<rustls::ClientConfig>,
    /// The name that the certificate must be for, and that is sent as SNI unless it is an address.
    pub server_name: ServerName<'static>,
    /// Whether the configuration verifies the server's certificate.
    pub verifies: bool,
    /// The configuration's verifier, if a MariaDB may prove itself by the account's password where
    /// this one finds its certificate in order but not trusted.
    pub or_proof: Option<Arc<dyn ServerCertVerifier>>,
}

impl std::fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsClient")
            .field("server_name", &self.server_name)
            .field("verifies", &self.verifies)
            .field("or_proof", &self.or_proof.is_some())
            .finish_non_exhaustive()
    }
}

/// Where plaintext goes: the packets' window, or that of compressed frames.
pub(super) trait Window {
    /// Space to write into, as far as there is any.
    fn spare(&mut self) -> &mut [u8];
    /// Takes the first `n` bytes of it as received.
    fn received(&mut self, n: usize);
}

impl Window for Recv {
    fn spare(&mut self) -> &mut [u8] {
        self.spare()
    }

    fn received(&mut self, n: usize) {
        self.received(n);
    }
}

#[cfg(feature = "compress")]
impl Window for Compress {
    fn spare(&mut self) -> &mut [u8] {
        self.spare()
    }

    fn received(&mut self, n: usize) {
        self.received(n);
    }
}

/// A TLS session in progress.
pub(super) struct Tls {
    session: ClientConnection,
    /// What judged the certificate, if it may be one that nobody vouches for.
    tolerant: Option<Arc<TolerantVerifier>>,
    /// Records as they came; `[start, end)` is not decrypted yet.
    incoming: Vec<u8>,
    start: usize,
    end: usize,
    /// Records to send.
    pub(super) outgoing: SendBuf,
    /// Whether the server said that nothing follows.
    closed: bool,
    /// Why no record can follow, told once the plaintext before it was taken.
    failed: Option<rustls::Error>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls")
            .field("handshaking", &self.is_handshaking())
            .field("closed", &self.closed)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// Starts the handshake: its first records are in `outgoing`. `proves` says whether this server
    /// can prove itself to this account.
    pub(super) fn start(client: &TlsClient, proves: bool) -> Result<Self, TlsError> {
        let mut config = client.config.clone();
        let verifier = client.or_proof.as_ref().filter(|_| proves);
        let tolerant = verifier.map(|verifier| Arc::new(TolerantVerifier::new(verifier.clone())));
        if let Some(tolerant) = &tolerant {
            // A verifier for this connection alone, and a handshake that asks it.
            let own = Arc::make_mut(&mut config);
            own.resumption = Resumption::disabled();
            own.dangerous().set_certificate_verifier(tolerant.clone());
        }
        let mut session =
            ClientConnection::new(config, client.server_name.clone()).map_err(TlsError::Failed)?;
        // The limits of what is sent are this crate's own.
        session.set_buffer_limit(None);
        let mut tls = Self {
            session,
            tolerant,
            incoming: vec![0; WINDOW],
            start: 0,
            end: 0,
            outgoing: SendBuf::default(),
            closed: false,
            failed: None,
        };
        tls.take_records();
        Ok(tls)
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.session.is_handshaking()
    }

    /// The server's certificate, if the handshake went on without anybody to vouch for it.
    pub(super) fn untrusted(&self) -> Option<&Untrusted> {
        self.tolerant.as_ref()?.untrusted()
    }

    /// Whether the server ended the TLS session in order.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether there is no space behind the records that are not decrypted.
    pub(super) fn is_full(&self) -> bool {
        self.end == self.incoming.len()
    }

    pub(super) fn spare(&mut self) -> &mut [u8] {
        if self.is_full() {
            self.make_room();
        }
        self.incoming.get_mut(self.end..).unwrap_or_default()
    }

    pub(super) fn received(&mut self, n: usize) {
        self.end = (self.end + n).min(self.incoming.len());
    }

    /// Decrypts what is here into the window, as far as that has space; says whether any byte
    /// came of it.
    pub(super) fn decrypt(&mut self, window: &mut impl Window) -> Result<bool, TlsError> {
        let mut progress = false;
        loop {
            let spare = window.spare();
            if spare.is_empty() {
                return Ok(progress);
            }
            match self.session.reader().read(spare) {
                Ok(0) => {
                    self.closed = true;
                    return Ok(progress);
                }
                Ok(n) => {
                    window.received(n);
                    progress = true;
                    continue;
                }
                // No plaintext is waiting; a missing close_notify shows as the transport's end.
                Err(_) => {}
            }
            match self.failed.take() {
                // What came in good order comes out first, however the records were read (G6).
                Some(error) if progress => {
                    self.failed = Some(error);
                    return Ok(true);
                }
                Some(error) => return Err(TlsError::Failed(error)),
                None => {}
            }
            if self.start == self.end {
                self.start = 0;
                self.end = 0;
                return Ok(progress);
            }
            let mut records = self.incoming.get(self.start..self.end).unwrap_or_default();
            // Reading from a slice does not fail; rustls refuses only when plaintext waits, which
            // was just taken.
            let taken = self.session.read_tls(&mut records).unwrap_or(0);
            self.start += taken;
            let state = match self.session.process_new_packets() {
                Ok(state) => state,
                Err(error) => {
                    self.failed = Some(error);
                    continue;
                }
            };
            if state.tls_bytes_to_write() > 0 {
                self.take_records();
            }
            if taken == 0 && state.plaintext_bytes_to_read() == 0 {
                return Ok(progress);
            }
        }
    }

    /// Makes space for records behind those that are not decrypted.
    pub(super) fn make_room(&mut self) {
        self.incoming.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
    }

    /// Encrypts everything in `plain` into `outgoing`.
    pub(super) fn encrypt(&mut self, plain: &mut SendBuf) -> Result<(), TlsError> {
        let pending = plain.pending().len();
        // Without a buffer limit rustls takes all of it.
        if self.session.writer().write_all(plain.pending()).is_err() {
            let error = rustls::Error::General("cannot encrypt".into());
            return Err(TlsError::Failed(error));
        }
        plain.sent(pending);
        self.take_records();
        Ok(())
    }

    fn take_records(&mut self) {
        while self.session.wants_write() {
            // Writing to a vector does not fail.
            if self.session.write_tls(self.outgoing.buffer()).is_err() {
                return;
            }
        }
    }
}
