//! A transport that waits by itself: sockets of `std`, and `poll(2)`.
//!
//! It has the shape of an asynchronous one, so that the session above is the same. Reading and
//! writing do not block; where the others would leave it to a runtime to wait,
//! [`wait`](StdStream::wait) does, for whatever comes first of input, room for output, and the
//! deadline. So a session over it is never pending, and reads while it writes (T-40). Where input
//! is all that is waited for, however long it takes, the next read waits for it by itself: one
//! system call instead of two.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
#[cfg(unix)]
use std::path::Path;
use std::task::Poll;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::stream::Wanted;
use super::time::{self, timed_out};

/// The longest wait that is asked of the system at once: some count it in milliseconds, in 31 bits.
const LONGEST_POLL: Duration = Duration::from_secs(24 * 24 * 60 * 60);

/// The transport of a blocking session.
pub(super) struct StdStream {
    io: Io,
    /// When waiting has to be over.
    deadline: Option<Instant>,
    /// Something was written since the last look for input: there is none yet, as a rule, and
    /// asking for it costs a system call.
    wrote: bool,
    /// The next read is to wait, if the system can say so of one read.
    read_waits: bool,
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
        if !one_call::WAITS {
            stream.set_nonblocking(true)?;
        }
        Ok(Self::new(Io::Tcp(stream)))
    }

    #[cfg(unix)]
    pub(super) fn unix(stream: UnixStream) -> io::Result<Self> {
        if !one_call::WAITS {
            stream.set_nonblocking(true)?;
        }
        Ok(Self::new(Io::Unix(stream)))
    }

    pub(super) fn other(stream: impl Read + Write + Send + 'static) -> Self {
        Self::new(Io::Other(Box::new(stream)))
    }

    const fn new(io: Io) -> Self {
        Self { io, deadline: None, wrote: false, read_waits: false }
    }

    /// The user whose process listens at the other end of a Unix socket.
    #[cfg(unix)]
    pub(super) fn peer_uid(&self) -> io::Result<u32> {
        match &self.io {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Io::Unix(stream) => Ok(rustix::net::sockopt::socket_peercred(stream)?.uid.as_raw()),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Until when to wait from now on.
    pub(super) fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// Whether reading returns at once if there is nothing.
    pub(super) fn can_look(&self) -> bool {
        !matches!(self.io, Io::Other(_))
    }

    /// Reads what is there, or is pending; always so right behind a write.
    pub(super) fn poll_read(&mut self, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if std::mem::take(&mut self.wrote) && self.can_look() {
            return Poll::Pending;
        }
        let waits = std::mem::take(&mut self.read_waits);
        attempt(self.can_look(), || match &mut self.io {
            Io::Tcp(stream) => one_call::read(stream, buf, waits),
            #[cfg(unix)]
            Io::Unix(stream) => one_call::read(stream, buf, waits),
            Io::Other(stream) => stream.read(buf),
        })
    }

    /// Writes what there is room for, or is pending.
    pub(super) fn poll_write(&mut self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = attempt(self.can_look(), || match &mut self.io {
            Io::Tcp(stream) => one_call::write(stream, bytes),
            #[cfg(unix)]
            Io::Unix(stream) => one_call::write(stream, bytes),
            Io::Other(stream) => stream.write(bytes),
        });
        // Where there is no room, the peer may be waiting for us to read (T-40).
        self.wrote = written.is_ready();
        written
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
            Io::Tcp(stream) => one_call::write(stream, bytes),
            #[cfg(unix)]
            Io::Unix(stream) => one_call::write(stream, bytes),
            Io::Other(_) => Ok(0),
        }
    }

    /// The address of the server's end, if it is a TCP socket.
    pub(super) fn peer_address(&self) -> Option<std::net::SocketAddr> {
        match &self.io {
            Io::Tcp(stream) => stream.peer_addr().ok(),
            _ => None,
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
    pub(super) fn wait(&mut self, wanted: Wanted, until: Option<Instant>) -> io::Result<bool> {
        if one_call::WAITS && !wanted.write && until.is_none() && self.deadline.is_none() {
            self.read_waits = true;
            return Ok(true);
        }
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
            let left = first.map(|first| first.saturating_duration_since(time::now()));
            let cut = left.is_some_and(|left| left > LONGEST_POLL);
            let left = left.and_then(|left| Timespec::try_from(left.min(LONGEST_POLL)).ok());
            match poll(&mut socket, left.as_ref()) {
                Ok(0) if cut => {}
                Ok(0) if first.is_some() && first == self.deadline => return Err(timed_out()),
                Ok(0) if first.is_some() => return Ok(false),
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Sockets that block, and say with each call that it does not: so one that waits needs no second.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod one_call {
    use std::io;
    use std::os::fd::AsFd;

    use rustix::net::{RecvFlags, SendFlags, recv, send};

    pub(super) const WAITS: bool = true;

    pub(super) fn read(socket: &impl AsFd, buf: &mut [u8], waits: bool) -> io::Result<usize> {
        let flags = if waits { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
        let (received, _) = recv(socket, buf, flags)?;
        Ok(received)
    }

    pub(super) fn write(socket: &impl AsFd, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
    }
}

/// Sockets that do not block.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod one_call {
    use std::io::{self, Read, Write};

    pub(super) const WAITS: bool = false;

    pub(super) fn read<'s, S>(socket: &'s S, buf: &mut [u8], _: bool) -> io::Result<usize>
    where
        &'s S: Read,
    {
        let mut socket = socket;
        socket.read(buf)
    }

    pub(super) fn write<'s, S>(socket: &'s S, bytes: &[u8]) -> io::Result<usize>
    where
        &'s S: Write,
    {
        let mut socket = socket;
        socket.write(bytes)
    }
}

/// Connects by `deadline`, if there is one.
///
/// Linux lets a connect wait while the server's queue is full, for as long as writing may take, and
/// `std` has no way to say how long that is.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn connect_unix(path: &Path, deadline: Option<Instant>) -> io::Result<UnixStream> {
    use rustix::net::sockopt::{Timeout, set_socket_timeout};
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

    // What is wrong with a path is told as `std` tells it.
    std::os::unix::net::SocketAddr::from_pathname(path)?;
    let address = SocketAddrUnix::new(path)?;
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    loop {
        if let Some(deadline) = deadline {
            let left = deadline.saturating_duration_since(time::now());
            if left.is_zero() {
                return Err(timed_out());
            }
            set_socket_timeout(&socket, Timeout::Send, Some(left))?;
        }
        match rustix::net::connect(&socket, &address) {
            Ok(()) => return Ok(socket.into()),
            // Interrupted, or the time is over, which is seen above.
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Connects; a server whose queue is full refuses at once.
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
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

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use std::time::Duration;

    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};

    use super::*;

    #[test]
    fn a_server_whose_queue_is_full_ends_with_the_deadline() {
        let path = std::env::temp_dir().join(format!("mywire-queue-{}", std::process::id()));
        let listener = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        bind(&listener, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        listen(&listener, 0).unwrap();
        let soon = || time::after(Duration::from_millis(20));
        let mut accepted = Vec::new();
        let error = loop {
            match connect_unix(&path, soon()) {
                Ok(stream) => accepted.push(stream),
                Err(error) => break error,
            }
        };
        std::fs::remove_file(&path).unwrap();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
        assert!(!accepted.is_empty());
    }

    #[test]
    fn t40_waiting_ends_with_input_or_room_or_the_deadline() {
        let (one, other) = UnixStream::pair().unwrap();
        let mut stream = StdStream::unix(one).unwrap();
        stream.set_deadline(time::after(Duration::from_millis(20)));
        let read = Wanted { read: true, write: false };
        assert_eq!(stream.wait(read, None).unwrap_err().kind(), io::ErrorKind::TimedOut);
        stream.set_deadline(None);
        stream.wait(Wanted { read: true, write: true }, None).unwrap();
        while let Poll::Ready(written) = stream.poll_write(&[0; 65536]) {
            written.unwrap();
        }
        // Full: only input can end the wait.
        (&other).write_all(b"x").unwrap();
        stream.wait(Wanted { read: true, write: true }, None).unwrap();
        let mut buf = [0; 8];
        assert!(matches!(stream.poll_read(&mut buf), Poll::Ready(Ok(1))));
        assert!(stream.poll_read(&mut buf).is_pending());
        // Right behind a write nothing is asked for, once.
        let mut big = [0; 65536];
        assert!((&other).read(&mut big).unwrap() > 0);
        assert!(matches!(stream.poll_write(b"y"), Poll::Ready(Ok(1))));
        (&other).write_all(b"z").unwrap();
        assert!(stream.poll_read(&mut buf).is_pending());
        assert!(matches!(stream.poll_read(&mut buf), Poll::Ready(Ok(1))));
        drop(other);
        stream.wait(read, None).unwrap();
        assert!(matches!(stream.poll_read(&mut buf), Poll::Ready(Err(_) | Ok(0))));
    }
}
