//! A transport that waits by itself: sockets of `std`, and `poll(2)`.
//!
//! It has the shape of an asynchronous one, so that the session above is the same. The sockets do
//! not block; where the others would leave it to a runtime to wait,
//! [`wait`](StdStream::wait) does, for whatever comes first of input, room for output, and the
//! deadline. So a session over it is never pending, and reads while it writes (T-40).

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
#[cfg(unix)]
use std::path::Path;
use std::task::Poll;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::stream::Wanted;
use super::time::{self, timed_out};

/// The transport of a blocking session.
pub(super) struct StdStream {
    io: Io,
    /// When waiting has to be over.
    deadline: Option<Instant>,
}

enum Io {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    /// The caller's own, which waits where it reads and writes.
    Other(Box<dyn ReadWrite>),
}

/// Anything that a blocking session can run over.
trait ReadWrite: Read + Write + Send {}

impl<T: Read + Write + Send> ReadWrite for T {}

impl StdStream {
    pub(super) fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { io: Io::Tcp(stream), deadline: None })
    }

    #[cfg(unix)]
    pub(super) fn unix(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { io: Io::Unix(stream), deadline: None })
    }

    pub(super) fn other(stream: impl Read + Write + Send + 'static) -> Self {
        Self { io: Io::Other(Box::new(stream)), deadline: None }
    }

    /// Until when to wait from now on.
    pub(super) fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// Whether reading returns at once if there is nothing.
    pub(super) fn can_look(&self) -> bool {
        !matches!(self.io, Io::Other(_))
    }

    /// Reads what is there, or is pending.
    pub(super) fn poll_read(&mut self, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        attempt(self.can_look(), || match &mut self.io {
            Io::Tcp(stream) => stream.read(buf),
            #[cfg(unix)]
            Io::Unix(stream) => stream.read(buf),
            Io::Other(stream) => stream.read(buf),
        })
    }

    /// Writes what there is room for, or is pending.
    pub(super) fn poll_write(&mut self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        attempt(self.can_look(), || match &mut self.io {
            Io::Tcp(stream) => stream.write(bytes),
            #[cfg(unix)]
            Io::Unix(stream) => stream.write(bytes),
            Io::Other(stream) => stream.write(bytes),
        })
    }

    /// Sockets have nothing to flush.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match &mut self.io {
            Io::Other(stream) => stream.flush(),
            _ => Ok(()),
        }
    }

    /// Says that nothing more will be written.
    pub(super) fn shutdown(&mut self) -> io::Result<()> {
        match &mut self.io {
            Io::Tcp(stream) => stream.shutdown(std::net::Shutdown::Write),
            #[cfg(unix)]
            Io::Unix(stream) => stream.shutdown(std::net::Shutdown::Write),
            Io::Other(stream) => stream.flush(),
        }
    }

    /// Writes what the socket takes at once, if it is a socket.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.io {
            Io::Tcp(stream) => (&*stream).write(bytes),
            #[cfg(unix)]
            Io::Unix(stream) => (&*stream).write(bytes),
            Io::Other(_) => Ok(0),
        }
    }

    /// The port of our own end.
    pub(super) fn local_port(&self) -> Option<u16> {
        match &self.io {
            Io::Tcp(stream) => stream.local_addr().ok().map(|address| address.port()),
            _ => None,
        }
    }

    /// Waits until what is wanted can be done, in part at least: `true`; or until `until`: `false`.
    /// Fails with `TimedOut` at the deadline.
    pub(super) fn wait(&self, wanted: Wanted, until: Option<Instant>) -> io::Result<bool> {
        let mut events = PollFlags::empty();
        events.set(PollFlags::IN, wanted.read);
        events.set(PollFlags::OUT, wanted.write);
        let mut socket = match &self.io {
            Io::Tcp(stream) => [PollFd::new(stream, events)],
            #[cfg(unix)]
            Io::Unix(stream) => [PollFd::new(stream, events)],
            // It is never pending, so nobody waits for it.
            Io::Other(_) => return Ok(true),
        };
        loop {
            let first = [self.deadline, until].into_iter().flatten().min();
            let left = first.map(|deadline| {
                let left = deadline.saturating_duration_since(time::now());
                // Farther than that is never.
                Timespec::try_from(left).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 })
            });
            match poll(&mut socket, left.as_ref()) {
                Ok(0) if first.is_some() && first == self.deadline => return Err(timed_out()),
                Ok(0) if first.is_some() => return Ok(false),
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Connects by `deadline`, if there is one.
pub(super) fn connect_tcp(address: SocketAddr, deadline: Option<Instant>) -> io::Result<TcpStream> {
    let Some(deadline) = deadline else { return TcpStream::connect(address) };
    let left = deadline.saturating_duration_since(time::now());
    if left.is_zero() {
        return Err(timed_out());
    }
    TcpStream::connect_timeout(&address, left).map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => timed_out(),
        _ => error,
    })
}

#[cfg(unix)]
pub(super) fn connect_unix(path: &Path, _: Option<Instant>) -> io::Result<UnixStream> {
    UnixStream::connect(path)
}

/// Tries until it is not interrupted. That there is nothing now is pending for a socket, and a
/// failure of what should have waited.
fn attempt(pending: bool, mut task: impl FnMut() -> io::Result<usize>) -> Poll<io::Result<usize>> {
    loop {
        match task() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if pending && error.kind() == io::ErrorKind::WouldBlock => {
                return Poll::Pending;
            }
            outcome => return Poll::Ready(outcome),
        }
    }
}

impl fmt::Debug for StdStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.io {
            Io::Tcp(_) => "StdTcp",
            #[cfg(unix)]
            Io::Unix(_) => "StdUnix",
            Io::Other(_) => "StdOther",
        })
    }
}
