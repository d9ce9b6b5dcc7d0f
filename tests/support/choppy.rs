//! A transport on which every byte is a place to give up, and the future that gives up.

#![allow(dead_code, reason = "each test target uses a part of it")]
#![allow(unreachable_pub, reason = "included by other crates as a private module")]

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Takes and gives a few bytes at a time, and is not ready every other time that it is asked.
#[derive(Debug)]
pub struct Choppy<S> {
    inner: S,
    random: u64,
    /// The largest portion.
    most: u64,
    /// Whether it was not ready the last time: to read, and to write.
    refused: [bool; 2],
}

impl<S> Choppy<S> {
    pub fn new(inner: S, seed: u64, most: u64) -> Self {
        Self { inner, random: seed | 1, most, refused: [false; 2] }
    }

    /// How many bytes may pass now; `None` if none may, and the task is woken.
    fn portion(&mut self, way: usize, cx: &Context<'_>) -> Option<usize> {
        self.refused[way] = !self.refused[way];
        if self.refused[way] {
            cx.waker().wake_by_ref();
            return None;
        }
        // xorshift
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        Some(1 + usize::try_from(self.random % self.most).unwrap())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Choppy<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(portion) = self.portion(0, cx) else { return Poll::Pending };
        let mut small = vec![0; portion.min(buf.remaining())];
        let mut part = ReadBuf::new(&mut small);
        let polled = Pin::new(&mut self.inner).poll_read(cx, &mut part);
        buf.put_slice(part.filled());
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Choppy<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(portion) = self.portion(1, cx) else { return Poll::Pending };
        Pin::new(&mut self.inner).poll_write(cx, &bytes[..portion.min(bytes.len())])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Polls a future at most so many times, and drops it then.
pub async fn drop_after<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left > 0
            && let Poll::Ready(output) = future.as_mut().poll(cx)
        {
            return Poll::Ready(Some(output));
        }
        left = left.saturating_sub(1);
        if left == 0 { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}
