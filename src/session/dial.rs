//! Reaching the server over TCP: every address of its name, with the socket's options.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};

use super::connect::Front;
#[cfg(feature = "blocking")]
use super::std_stream::StdStream;
use super::stream::Stream;
use super::time::{self, timed_out};
use crate::config::SocketOptions;
use crate::error::{IoError, IoTask, Result, Sent};

/// Connects to the first address of `host` that answers.
///
/// The families take turns, beginning with the resolver's choice. Fails by the deadline, with what
/// became of every address.
pub(super) async fn dial(
    front: Front,
    host: &str,
    port: u16,
    options: &SocketOptions,
    peer: &str,
    deadline: Option<Instant>,
) -> Result<Stream> {
    let error = |task, error| IoError::new(task, peer, Sent::No, error);
    let found = front.look_up(host, port, deadline).await;
    let addresses = found.map_err(|why| error(IoTask::Resolve, why))?;
    let usable = addresses.into_iter().filter(|address| {
        options.bind_address.is_none_or(|local| local.is_ipv4() == address.is_ipv4())
    });
    let connected = connect(front, take_turns(usable), options, deadline).await;
    let failed = |failed| error(IoTask::Connect, explain(failed, host, options));
    connected.map_err(|failures| failed(failures).into())
}

/// Connects to an address that was connected to before.
pub(super) async fn redial(
    front: Front,
    address: SocketAddr,
    options: &SocketOptions,
    peer: &str,
    deadline: Option<Instant>,
) -> Result<Stream> {
    let host = address.ip().to_string();
    connect(front, [address].into(), options, deadline).await.map_err(|failures| {
        let error = explain(failures, &host, options);
        IoError::new(IoTask::Connect, peer, Sent::No, error).into()
    })
}

async fn connect(
    front: Front,
    addresses: VecDeque<SocketAddr>,
    options: &SocketOptions,
    deadline: Option<Instant>,
) -> Result<Stream, Failures> {
    match front {
        #[cfg(feature = "tokio")]
        Front::Tokio => race::connect(addresses, options, deadline).await,
        #[cfg(feature = "blocking")]
        Front::Blocking => one_by_one::connect(addresses, options, deadline),
    }
}

/// Addresses, and why each could not be connected to.
type Failures = Vec<(SocketAddr, io::Error)>;

/// What became of every address.
fn explain(failures: Failures, host: &str, options: &SocketOptions) -> io::Error {
    let is_the_host = |address: &SocketAddr| host.parse() == Ok(address.ip());
    let kind = failures.first().map(|(_, error)| error.kind());
    let Some(kind) = kind else {
        return io::Error::new(
            io::ErrorKind::NotFound,
            match options.bind_address {
                Some(_) => "the host has no address of the family of `bind-address`",
                None => "the host has no address",
            },
        );
    };
    match <[_; 1]>::try_from(failures) {
        // Its address was said already.
        Ok([(address, error)]) if is_the_host(&address) => error,
        Ok([(address, error)]) => io::Error::new(kind, format!("{address}: {error}")),
        Err(failures) => {
            let each = failures.iter().map(|(address, error)| format!("{address}: {error}"));
            io::Error::new(kind, each.collect::<Vec<_>>().join("; "))
        }
    }
}

impl Front {
    /// The addresses of a host. A blocking front asks the system, which takes the time it takes.
    async fn look_up(
        self,
        host: &str,
        port: u16,
        deadline: Option<Instant>,
    ) -> io::Result<Vec<SocketAddr>> {
        match self {
            #[cfg(feature = "tokio")]
            Self::Tokio => {
                let found = time::before(deadline, tokio::net::lookup_host((host, port))).await;
                Ok(found.unwrap_or_else(|| Err(timed_out()))?.collect())
            }
            #[cfg(feature = "blocking")]
            Self::Blocking => {
                #[cfg(not(feature = "tokio"))]
                let _ = deadline;
                Ok(std::net::ToSocketAddrs::to_socket_addrs(&(host, port))?.collect())
            }
        }
    }
}

/// Attempts that overlap: an address that is silent is not waited for alone.
#[cfg(feature = "tokio")]
mod race {
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::net::{TcpSocket, TcpStream};
    use tokio::time::Sleep;

    use super::*;

    /// How long one address is waited for alone, before the next is tried beside it: the 250 ms
    /// that RFC 8305 recommends. Less if the time does not suffice for all.
    const STAGGER: Duration = Duration::from_millis(250);

    pub(super) async fn connect(
        addresses: VecDeque<SocketAddr>,
        options: &SocketOptions,
        deadline: Option<Instant>,
    ) -> Result<Stream, Failures> {
        let mut race = Race::new(addresses, options, deadline);
        let won = time::before(deadline, poll_fn(|cx| race.poll(cx))).await.flatten();
        won.map(Stream::Tcp).ok_or_else(|| race.failures())
    }

    /// The attempts under way, those to come, and those that failed.
    pub(super) struct Race<'a> {
        pub(super) waiting: VecDeque<SocketAddr>,
        pub(super) running: Vec<Attempt<'a>>,
        failed: Failures,
        options: &'a SocketOptions,
        stagger: Duration,
        /// When the next one starts, whatever became of those before; none if there is no next one.
        next: Option<Pin<Box<Sleep>>>,
    }

    pub(super) struct Attempt<'a> {
        pub(super) address: SocketAddr,
        pub(super) stream: Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send + 'a>>,
    }

    impl<'a> Race<'a> {
        pub(super) fn new(
            addresses: VecDeque<SocketAddr>,
            options: &'a SocketOptions,
            deadline: Option<Instant>,
        ) -> Self {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(time::now()));
            // Each address gets its share of the time (T-99).
            let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
            let stagger = left.map_or(STAGGER, |left| STAGGER.min(left / count));
            Self {
                waiting: addresses,
                running: Vec::new(),
                failed: Vec::new(),
                options,
                stagger,
                next: None,
            }
        }

        /// `None` if every attempt failed.
        pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<TcpStream>> {
            loop {
                let failures = self.failed.len();
                let mut i = 0;
                while let Some(attempt) = self.running.get_mut(i) {
                    match attempt.stream.as_mut().poll(cx) {
                        Poll::Ready(Ok(stream)) => return Poll::Ready(Some(stream)),
                        Poll::Ready(Err(error)) => {
                            let address = self.running.remove(i).address;
                            self.failed.push((address, error));
                        }
                        Poll::Pending => i += 1,
                    }
                }
                let one_failed = self.failed.len() > failures;
                if self.waiting.is_empty() && self.running.is_empty() {
                    return Poll::Ready(None);
                }
                let mut due = self.running.is_empty() || one_failed;
                if !self.waiting.is_empty() && !due {
                    let next = || Box::pin(tokio::time::sleep(self.stagger));
                    due = self.next.get_or_insert_with(next).as_mut().poll(cx).is_ready();
                }
                if self.waiting.is_empty() || !due {
                    return Poll::Pending;
                }
                self.start_next();
            }
        }

        fn start_next(&mut self) {
            if let Some(address) = self.waiting.pop_front() {
                let stream = Box::pin(attempt(address, self.options));
                self.running.push(Attempt { address, stream });
                self.next = None;
            }
        }

        /// Those that failed, and those whose time is over.
        pub(super) fn failures(self) -> Failures {
            let running = self.running.into_iter().map(|attempt| attempt.address);
            let late = running.chain(self.waiting).map(|address| (address, timed_out()));
            self.failed.into_iter().chain(late).collect()
        }
    }

    async fn attempt(address: SocketAddr, options: &SocketOptions) -> io::Result<TcpStream> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if let Some(local) = options.bind_address {
            socket.bind((local, 0).into()).map_err(|error| cannot_bind(local, &error))?;
        }
        let stream = socket.connect(address).await?;
        apply(options, &SockRef::from(&stream))?;
        Ok(stream)
    }
}

/// One attempt at a time: nobody else waits.
#[cfg(feature = "blocking")]
mod one_by_one {
    use socket2::{Domain, Protocol, Socket, Type};

    use super::*;

    pub(super) fn connect(
        addresses: VecDeque<SocketAddr>,
        options: &SocketOptions,
        deadline: Option<Instant>,
    ) -> Result<Stream, Failures> {
        let mut failures = Vec::new();
        let count = addresses.len();
        for (tried, address) in addresses.into_iter().enumerate() {
            // Each address gets its share of the time that is left (T-99).
            let share = deadline.map(|deadline| {
                let left = deadline.saturating_duration_since(time::now());
                left / u32::try_from(count - tried).unwrap_or(u32::MAX)
            });
            match attempt(address, options, share) {
                Ok(stream) => return Ok(Stream::Std(stream)),
                Err(error) => failures.push((address, error)),
            }
        }
        Err(failures)
    }

    fn attempt(
        address: SocketAddr,
        options: &SocketOptions,
        time: Option<Duration>,
    ) -> io::Result<StdStream> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if let Some(local) = options.bind_address {
            let any_port = SocketAddr::new(local, 0);
            socket.bind(&any_port.into()).map_err(|error| cannot_bind(local, &error))?;
        }
        match time {
            None => socket.connect(&address.into())?,
            Some(time) if time.is_zero() => return Err(timed_out()),
            Some(time) => {
                socket.connect_timeout(&address.into(), time).map_err(|error| {
                    match error.kind() {
                        io::ErrorKind::TimedOut => timed_out(),
                        _ => error,
                    }
                })?
            }
        }
        apply(options, &SockRef::from(&socket))?;
        StdStream::tcp(socket.into())
    }
}

fn cannot_bind(local: std::net::IpAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("`bind-address` {local} cannot be used: {error}"))
}

fn apply(options: &SocketOptions, socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_nodelay(options.nodelay)?;
    if let Some(idle) = options.keepalive {
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle))?;
    }
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
    if options.user_timeout.is_some() {
        socket.set_tcp_user_timeout(options.user_timeout)?;
    }
    Ok(())
}

/// The addresses of the two families in turn, each family in the resolver's order.
fn take_turns(addresses: impl Iterator<Item = SocketAddr>) -> VecDeque<SocketAddr> {
    let mut seen = Vec::new();
    for address in addresses {
        if !seen.contains(&address) {
            seen.push(address);
        }
    }
    let first_is_v4 = seen.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) =
        seen.into_iter().partition(|address| address.is_ipv4() == first_is_v4);
    let mut turns = VecDeque::new();
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    loop {
        match (first.next(), second.next()) {
            (None, None) => return turns,
            (one, other) => turns.extend(one.into_iter().chain(other)),
        }
    }
}

#[cfg(all(test, feature = "tokio"))]
mod tests {
    use std::future::poll_fn;

    use tokio::net::TcpStream;

    use super::race::{Attempt, Race};
    use super::*;

    fn addresses(text: &[&str]) -> Vec<SocketAddr> {
        text.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn t99_families_take_turns_and_no_address_is_tried_twice() {
        let found =
            addresses(&["[::1]:1", "[::2]:1", "[::1]:1", "[::3]:1", "1.1.1.1:1", "[::4]:1"]);
        let expected = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1", "[::4]:1"]);
        assert_eq!(take_turns(found.into_iter()), expected);
        assert!(take_turns(std::iter::empty()).is_empty());
    }

    /// A listener's address, and one where nobody listens.
    fn open_and_closed() -> (std::net::TcpListener, SocketAddr, SocketAddr) {
        let open = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = std::net::TcpListener::bind("127.0.0.2:0").unwrap();
        let (listens, silent) = (open.local_addr().unwrap(), closed.local_addr().unwrap());
        (open, listens, silent)
    }

    async fn race(
        addresses: impl IntoIterator<Item = SocketAddr>,
        options: &SocketOptions,
    ) -> io::Result<TcpStream> {
        let mut race = Race::new(addresses.into_iter().collect(), options, None);
        let won = poll_fn(|cx| race.poll(cx)).await;
        won.ok_or_else(|| explain(race.failures(), "db.example.test", options))
    }

    #[tokio::test]
    async fn t99_an_address_that_refuses_does_not_keep_from_the_next() {
        let (_listener, listens, silent) = open_and_closed();
        let stream = race([silent, listens], &SocketOptions::default()).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listens);
    }

    /// The clock jumps: it is the stagger that brings the second one in, not the first one's end.
    #[tokio::test(start_paused = true)]
    async fn t99_an_address_that_is_silent_does_not_keep_from_the_next() {
        let options = SocketOptions::default();
        let silent: SocketAddr = "192.0.2.1:1".parse().unwrap();
        let (_listener, listens, _) = open_and_closed();
        let mut race = Race::new([listens].into(), &options, None);
        race.running.push(Attempt { address: silent, stream: Box::pin(std::future::pending()) });
        let stream = poll_fn(|cx| race.poll(cx)).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listens);
    }

    #[tokio::test]
    async fn t99_the_error_lists_what_became_of_every_address() {
        let (_, first, _) = open_and_closed();
        let (_, second, _) = open_and_closed();
        let error = race([first, second], &SocketOptions::default()).await.unwrap_err();
        let shown = error.to_string();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(shown.contains(&first.to_string()), "{shown}");
        assert!(shown.contains(&format!("; {second}: ")), "{shown}");
    }

    #[tokio::test]
    async fn t91_options_reach_the_socket() {
        let (_listener, listens, _) = open_and_closed();
        let options = SocketOptions {
            bind_address: Some([127, 0, 0, 3].into()),
            nodelay: false,
            keepalive: Some(Duration::from_secs(77)),
            user_timeout: cfg!(target_os = "linux").then(|| Duration::from_millis(4321)),
            peer_uid: None,
        };
        let stream = race([listens], &options).await.unwrap();
        assert_eq!(stream.local_addr().unwrap().ip().to_string(), "127.0.0.3");
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap() && !stream.nodelay().unwrap());
        #[cfg(target_os = "linux")]
        {
            assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(77));
            assert_eq!(socket.tcp_user_timeout().unwrap(), options.user_timeout);
        }
        let by_default = race([listens], &SocketOptions::default()).await.unwrap();
        let socket = SockRef::from(&by_default);
        assert!(socket.keepalive().unwrap() && by_default.nodelay().unwrap());
        let never = SocketOptions { keepalive: None, ..SocketOptions::default() };
        let never = race([listens], &never).await.unwrap();
        assert!(!SockRef::from(&never).keepalive().unwrap());
    }

    #[tokio::test]
    async fn an_address_that_is_not_ours_is_named() {
        let (_listener, listens, _) = open_and_closed();
        let options = SocketOptions {
            bind_address: Some([192, 0, 2, 77].into()),
            ..SocketOptions::default()
        };
        let shown = race([listens], &options).await.unwrap_err().to_string();
        assert!(shown.contains("`bind-address` 192.0.2.77"), "{shown}");
    }
}
