//! What carries the bytes.

use std::fmt;
use std::io;
#[cfg(feature = "tokio")]
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

#[cfg(feature = "tokio")]
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
#[cfg(feature = "tokio")]
use tokio::net::TcpStream;
#[cfg(all(feature = "tokio", unix))]
use tokio::net::UnixStream;

#[cfg(feature = "blocking")]
use super::std_stream::StdStream;

/// The transport of a session.
pub(super) enum Stream {
    #[cfg(feature = "tokio")]
    Tcp(TcpStream),
    #[cfg(all(feature = "tokio", unix))]
    Unix(UnixStream),
    /// The caller's own.
    #[cfg(feature = "tokio")]
    Other(Box<dyn Transport>),
    /// One that waits by itself.
    #[cfg(feature = "blocking")]
    Std(StdStream),
}

/// What a session does that has to wait.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "blocking"), allow(dead_code, reason = "runtimes know by themselves"))]
pub(super) struct Wanted {
    pub(super) read: bool,
    pub(super) write: bool,
}

/// Anything that a session can run over.
#[cfg(feature = "tokio")]
pub(super) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

#[cfg(feature = "tokio")]
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// Calls a method of tokio's on whichever of its streams it is, or takes the last arm.
macro_rules! either {
    ($stream:expr, $tokio:ident => $polled:expr, $std:ident => $blocking:expr) => {
        match $stream {
            #[cfg(feature = "tokio")]
            Self::Tcp($tokio) => $polled,
            #[cfg(all(feature = "tokio", unix))]
            Self::Unix($tokio) => $polled,
            #[cfg(feature = "tokio")]
            Self::Other($tokio) => $polled,
            #[cfg(feature = "blocking")]
            Self::Std($std) => $blocking,
        }
    };
}

#[cfg_attr(
    not(all(feature = "tokio", feature = "blocking")),
    allow(unused_variables, reason = "one front wakes, the other waits by itself")
)]
impl Stream {
    /// Reads into an initialised buffer; 0 is the end.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => {
            let mut buf = ReadBuf::new(buf);
            let polled = Pin::new(stream).poll_read(cx, &mut buf);
            polled.map_ok(|()| buf.filled().len())
        }, stream => stream.poll_read(buf))
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => Pin::new(stream).poll_write(cx, bytes),
            stream => stream.poll_write(bytes))
    }

    /// The user whose process listens at the other end of a Unix socket.
    #[cfg(unix)]
    pub(super) fn peer_uid(&self) -> io::Result<u32> {
        match self {
            #[cfg(feature = "tokio")]
            Self::Unix(stream) => Ok(stream.peer_cred()?.uid()),
            #[cfg(feature = "blocking")]
            Self::Std(stream) => stream.peer_uid(),
            #[cfg(feature = "tokio")]
            Self::Tcp(_) | Self::Other(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Flushes; sockets have nothing to flush.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_flush(cx),
            stream => Poll::Ready(stream.flush()))
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_shutdown(cx),
            stream => Poll::Ready(stream.shutdown()))
    }

    /// To be called when what is wanted was pending: a stream of a runtime stays so, and whoever
    /// polls is woken. A blocking one waits, and is ready once it is worth trying again, or has
    /// failed.
    ///
    /// `false` says that `until` has come.
    pub(super) fn poll_wait(
        &mut self,
        wanted: Wanted,
        until: Option<Instant>,
    ) -> Poll<io::Result<bool>> {
        either!(self, _stream => Poll::Pending, stream => Poll::Ready(stream.wait(wanted, until)))
    }

    /// Whether it waits by itself, so that nothing over it is ever pending.
    pub(super) fn is_blocking(&self) -> bool {
        either!(self, _stream => false, _stream => true)
    }

    /// The address of the server's end, if it is a TCP socket.
    pub(super) fn peer_address(&self) -> Option<std::net::SocketAddr> {
        match self {
            #[cfg(feature = "tokio")]
            Self::Tcp(stream) => stream.peer_addr().ok(),
            #[cfg(all(feature = "tokio", unix))]
            Self::Unix(_) => None,
            #[cfg(feature = "tokio")]
            Self::Other(_) => None,
            #[cfg(feature = "blocking")]
            Self::Std(stream) => stream.peer_address(),
        }
    }

    /// The port of our own end, if it has one that the server can see.
    pub(super) fn local_port(&self) -> Option<u16> {
        match self {
            #[cfg(feature = "tokio")]
            Self::Tcp(stream) => stream.local_addr().ok().map(|address| address.port()),
            #[cfg(all(feature = "tokio", unix))]
            Self::Unix(_) => None,
            #[cfg(feature = "tokio")]
            Self::Other(_) => None,
            #[cfg(feature = "blocking")]
            Self::Std(stream) => stream.local_port(),
        }
    }

    /// Until when a blocking stream waits; the others are raced against [`before`](super::time::before).
    pub(super) fn set_deadline(&mut self, deadline: Option<Instant>) {
        either!(self, _stream => (), stream => stream.set_deadline(deadline));
    }

    /// Whether reading never waits where nothing is to be read.
    pub(super) fn can_look(&self) -> bool {
        either!(self, _stream => true, stream => stream.can_look())
    }

    /// Writes what the socket takes at once, whether or not the runtime would have its task pause;
    /// would block on what is no socket.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            #[cfg(feature = "tokio")]
            Self::Tcp(stream) => stream.try_write(bytes),
            #[cfg(all(feature = "tokio", unix))]
            Self::Unix(stream) => stream.try_write(bytes),
            #[cfg(feature = "tokio")]
            Self::Other(_) => Err(io::ErrorKind::WouldBlock.into()),
            #[cfg(feature = "blocking")]
            Self::Std(stream) => stream.try_write(bytes),
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "tokio")]
            Self::Tcp(_) => f.write_str("Tcp"),
            #[cfg(all(feature = "tokio", unix))]
            Self::Unix(_) => f.write_str("Unix"),
            #[cfg(feature = "tokio")]
            Self::Other(_) => f.write_str("Other"),
            #[cfg(feature = "blocking")]
            Self::Std(stream) => stream.fmt(f),
        }
    }
}
