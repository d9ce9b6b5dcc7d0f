//! The clock: tokio's where a runtime may have its own, the system's otherwise.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

/// The time. A paused clock of tokio is followed.
pub(super) fn now() -> Instant {
    #[cfg(feature = "tokio")]
    return tokio::time::Instant::now().into_std();
    #[cfg(not(feature = "tokio"))]
    Instant::now()
}

/// The time in a while; `None` if that is beyond what the clock can say (T-100).
pub(super) fn after(while_: Duration) -> Option<Instant> {
    now().checked_add(while_)
}

/// What is said of a peer when the deadline comes.
pub(super) fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "it did not answer in time")
}

/// Runs a future until the deadline; `None` if that comes first.
///
/// A timer is made only once the future has to wait. One over a [blocking
/// stream](super::std_stream) never does: the stream keeps the deadline that it was given.
pub(super) async fn before<T>(
    deadline: Option<Instant>,
    future: impl Future<Output = T>,
) -> Option<T> {
    let mut future = pin!(future);
    if let Poll::Ready(output) = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
        return Some(output);
    }
    #[cfg(feature = "tokio")]
    if let Some(deadline) = deadline {
        return tokio::time::timeout_at(deadline.into(), future).await.ok();
    }
    #[cfg(not(feature = "tokio"))]
    let _ = deadline;
    Some(future.await)
}
