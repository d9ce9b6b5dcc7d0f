//! The caller's readers: what is sent piece by piece comes from one.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

/// The size of a piece, in bytes: large enough to make its header cheap, small enough to be flat.
const PIECE: usize = 64 << 10;

/// What can be read from, in either front.
pub(crate) trait Input {
    /// Reads into the buffer; 0 is the end.
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>;
}

/// What a reader has, piece by piece, in one buffer.
pub(super) struct Pieces<'i, I> {
    input: &'i mut I,
    buf: Vec<u8>,
}

impl<'i, I: Input> Pieces<'i, I> {
    pub(super) fn of(input: &'i mut I) -> Self {
        Self { input, buf: vec![0; PIECE] }
    }

    /// The next piece; an empty one is the end.
    pub(super) async fn next(&mut self) -> io::Result<&[u8]> {
        let n = poll_fn(|cx| self.input.poll_read(cx, &mut self.buf)).await?;
        Ok(self.buf.get(..n).unwrap_or_default())
    }
}

/// A reader of tokio's.
#[cfg(feature = "tokio")]
pub(crate) struct Tokio<R>(pub(crate) R);

#[cfg(feature = "tokio")]
impl<R: tokio::io::AsyncRead + Unpin> Input for Tokio<R> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buf = tokio::io::ReadBuf::new(buf);
        let polled = std::pin::Pin::new(&mut self.0).poll_read(cx, &mut buf);
        polled.map_ok(|()| buf.filled().len())
    }
}

/// A reader that waits by itself.
#[cfg(feature = "blocking")]
pub(crate) struct Std<R>(pub(crate) R);

#[cfg(feature = "blocking")]
impl<R: io::Read> Input for Std<R> {
    fn poll_read(&mut self, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.0.read(buf) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }
}
