//! A transport that counts what is asked of it.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::as_conversions,
    reason = "each test binary uses a part of it; lengths of memory fit"
)]

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What went through a [`Metered`] stream.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    /// Reads that gave something, the end of input included.
    pub reads: usize,
    /// Bytes read.
    pub read_bytes: u64,
    /// Writes.
    pub writes: usize,
    /// All bytes written.
    pub written: Vec<u8>,
}

impl Meter {
    /// The sequence ids of the packets written: what was written must be whole packets.
    pub fn packets_written(&self) -> Vec<u8> {
        let mut ids = Vec::new();
        let mut rest = &self.written[..];
        while let Some((&[a, b, c, id], body)) = rest.split_first_chunk() {
            rest = &body[u32::from_le_bytes([a, b, c, 0]) as usize..];
            ids.push(id);
        }
        assert!(rest.is_empty(), "half a header was written");
        ids
    }
}

/// Counts reads and writes, and keeps what is written.
#[derive(Debug)]
pub struct Metered<S> {
    stream: S,
    meter: Arc<Mutex<Meter>>,
}

impl<S> Metered<S> {
    pub fn new(stream: S) -> (Self, Arc<Mutex<Meter>>) {
        let meter = Arc::<Mutex<Meter>>::default();
        (Self { stream, meter: meter.clone() }, meter)
    }

    /// The same meter on another stream.
    pub fn map<T>(self, f: impl FnOnce(S) -> T) -> Metered<T> {
        Metered { stream: f(self.stream), meter: self.meter }
    }
}

/// The meter's present reading.
pub fn reading(meter: &Mutex<Meter>) -> Meter {
    meter.lock().unwrap().clone()
}

/// Sets the meter back and gives what it showed.
pub fn take(meter: &Mutex<Meter>) -> Meter {
    std::mem::take(&mut *meter.lock().unwrap())
}

impl<S: io::Read> io::Read for Metered<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.stream.read(buf)?;
        let mut meter = self.meter.lock().unwrap();
        meter.reads += 1;
        meter.read_bytes += n as u64;
        Ok(n)
    }
}

impl<S: io::Write> io::Write for Metered<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.stream.write(buf)?;
        let mut meter = self.meter.lock().unwrap();
        meter.writes += 1;
        meter.written.extend_from_slice(&buf[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(cx, buf);
        if poll.is_ready() {
            let mut meter = self.meter.lock().unwrap();
            meter.reads += 1;
            meter.read_bytes += (buf.filled().len() - before) as u64;
        }
        poll
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, buf);
        if let Poll::Ready(Ok(n)) = poll {
            let mut meter = self.meter.lock().unwrap();
            meter.writes += 1;
            meter.written.extend_from_slice(&buf[..n]);
        }
        poll
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
