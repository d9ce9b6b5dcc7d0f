//! Sessions for code without a runtime: the names of the asynchronous front, without `await`.
//!
//! ```no_run
//! use mywire::blocking::Session;
//!
//! # fn main() -> mywire::Result<()> {
//! let mut session = Session::connect("mysql://app:secret@127.0.0.1:3306/app_db")?;
//!
//! // Rows are lent from the read buffer: no copy, no allocation, flat memory.
//! let mut rows = session.query("SELECT id, name FROM users", ())?;
//! while let Some(row) = rows.next()? {
//!     let (id, name): (u64, &str) = row.decode()?;
//!     println!("{id} {name}");
//! }
//! rows.finish()?;
//!
//! // Or owned, by an iterator.
//! for row in session.query("SELECT id, name FROM users WHERE active = ?", (true,))? {
//!     let (id, name): (u64, String) = row?.decode()?;
//!     println!("{id} {name}");
//! }
//!
//! let total: u64 = session.fetch_one("SELECT COUNT(*) FROM users", ())?;
//! # let _ = total;
//! # Ok(())
//! # }
//! ```
//!
//! # The contract
//!
//! - Each type and method here does what the asynchronous one of the same name does, with the same
//!   results, errors, limits and bytes on the wire: both are the same code, and a test compares
//!   them on real servers. Where the asynchronous front says that a future may be dropped, there is
//!   none here: a method returns when it is done.
//! - What does not wait is the same type in both: [`Row`](crate::Row), [`Batch`](crate::Batch),
//!   [`Statement`](crate::Statement), [`Config`](crate::Config), [`Error`](crate::Error).
//! - A reader or a writer is one of [`std::io`] instead of tokio's: [`Field`] is a
//!   [`Read`](std::io::Read), [`Session::send_long_data`] takes one, [`Session::from_stream`] takes
//!   a `Read + Write`.
//! - No runtime, no thread: a method works in the caller's thread, and waits in `poll(2)` for input
//!   and room for output at the same time, so it never waits for a server that waits for it.
//!   Sessions can be sent to other threads.
//! - Timeouts are those of the [`Config`](crate::Config). The one exception: looking up a host's
//!   addresses takes the time that the system takes, for it cannot be given up without a thread.
//! - Called within an asynchronous runtime, a method blocks the thread that it runs on; use the
//!   asynchronous front there.

mod cancel;
mod chunked;
mod pipeline;
mod rows;
mod session;
mod transaction;

use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

pub use cancel::CancelHandle;
pub use chunked::{ChunkedRow, Field};
pub use pipeline::Pipeline;
pub use rows::{IntoIter, Rows};
pub use session::Session;
pub use transaction::Transaction;

use crate::error::{IoError, IoTask, Result, Sent};

/// The result of a future over a transport that waits by itself.
///
/// Such a future is never pending. One that was would be a defect, which is told as an error: the
/// future is dropped, and the session stays in order, as it does after any dropped future.
fn now<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let future = pin!(future);
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(pending()),
    }
}

#[cold]
fn pending() -> crate::Error {
    let error = io::Error::other("a blocking call was left pending, which is a defect of mywire");
    IoError::new(IoTask::Read, "the server", Sent::Maybe, error).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pending_future_is_an_error_and_no_hang() {
        let error = now(std::future::pending::<Result<()>>()).unwrap_err();
        assert!(error.to_string().ends_with("which is a defect of mywire"), "{error}");
        assert_eq!(error.was_sent(), Sent::Maybe);
        assert_eq!(now(std::future::ready(Ok(7))).unwrap(), 7);
    }

    #[test]
    fn sessions_are_send() {
        static_assertions::assert_impl_all!(Session: Send);
        static_assertions::assert_impl_all!(Rows<'_>: Send);
        static_assertions::assert_impl_all!(IntoIter<'_>: Send);
    }
}
