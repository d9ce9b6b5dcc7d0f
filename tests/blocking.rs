//! The blocking front with servers that no honest one is, over real sockets; each server is a
//! thread. What honest servers do is in `tests/live_blocking`.
#![allow(missing_docs, unreachable_pub, dead_code, reason = "a test target has no users")]

#[path = "support/packets.rs"]
mod packets;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mywire::blocking::Session;
use mywire::error::IoTask;
use mywire::wire::packet::{self, HEADER_SIZE};
use mywire::wire::{Capabilities, ColumnType, LoginRequest, PacketHeader};
use mywire::{Config, Error, OwnedRow, Sent};
use packets::{Packets, column, mysql};

#[global_allocator]
static ALLOCATOR: counting_alloc::Counting = counting_alloc::Counting;

/// What nobody waits for in vain.
const HANG: Duration = Duration::from_secs(30);

/// A server's end of a connection.
trait Io: Read + Write + Send {}

impl<T: Read + Write + Send> Io for T {}

struct Server {
    io: Box<dyn Io>,
    capabilities: Capabilities,
}

impl Server {
    fn send(&mut self, packets: &Packets) {
        self.io.write_all(packets.bytes()).unwrap();
    }

    fn reply(&self, sequence: u8) -> Packets {
        Packets::new(self.capabilities, sequence)
    }

    /// The payload of the next short packet.
    fn packet(&mut self) -> Vec<u8> {
        let mut header = [0; HEADER_SIZE];
        self.io.read_exact(&mut header).unwrap();
        let length = usize::try_from(PacketHeader::decode(header).length).unwrap();
        let mut payload = vec![0; length];
        self.io.read_exact(&mut payload).unwrap();
        payload
    }

    fn log_in(&mut self) {
        self.send(&self.reply(0).greeting(&mysql()));
        self.capabilities = LoginRequest::decode(&self.packet()).unwrap().capabilities;
        // The fast path of caching_sha2_password.
        self.send(&self.reply(2).more_data(&[3]).ok());
    }

    /// Reads until the client leaves.
    fn until_closed(&mut self) {
        let mut buf = [0; 4096];
        while !matches!(self.io.read(&mut buf), Ok(0) | Err(_)) {}
    }
}

/// Starts a server; the configuration leads to it.
fn serve(script: impl FnOnce(Server) + Send + 'static) -> (Config, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        // A hang is a failure.
        stream.set_read_timeout(Some(HANG)).unwrap();
        stream.set_write_timeout(Some(HANG)).unwrap();
        script(Server { io: Box::new(stream), capabilities: Capabilities::default() });
    });
    (config().host("127.0.0.1").port(port), thread)
}

#[cfg(unix)]
fn serve_locally(script: impl FnOnce(Server) + Send + 'static) -> (Config, JoinHandle<()>) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NUMBER: AtomicU32 = AtomicU32::new(0);

    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("mywire-blocking-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let here = path.clone();
    let thread = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        std::fs::remove_file(here).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        stream.set_write_timeout(Some(HANG)).unwrap();
        script(Server { io: Box::new(stream), capabilities: Capabilities::default() });
    });
    (config().socket(path), thread)
}

fn config() -> Config {
    Config::default().user("app").password("secret")
}

/// The server sends rows before it has read the statement, and reads on only when they are taken;
/// either is larger than all buffers between.
fn both_sides_full(
    server: impl FnOnce(Box<dyn FnOnce(Server) + Send>) -> (Config, JoinHandle<()>),
) {
    const STATEMENT: usize = 20 << 20;
    const ROWS: usize = 20;
    let (config, thread) = server(Box::new(|mut server| {
        server.log_in();
        let mut begun = [0; HEADER_SIZE];
        server.io.read_exact(&mut begun).unwrap();
        let statement = vec![0; STATEMENT + 1];
        let next = packet::write(&mut Vec::new(), &statement, 0);
        let mut reply = server.reply(next).columns(&[column("s", ColumnType::VAR_STRING)]);
        let value = "y".repeat(1 << 20);
        for _ in 0..ROWS {
            reply = reply.row(&[&value]);
        }
        let end = reply.sequence();
        server.send(&reply);
        // What is left of the statement: its end, and the header of its second chunk.
        let mut rest = vec![0; STATEMENT + 1 + HEADER_SIZE];
        server.io.read_exact(&mut rest).unwrap();
        server.send(&server.reply(end).end());
        server.until_closed();
    }));
    let mut session = Session::connect_with(&config).unwrap();
    let statement = "x".repeat(STATEMENT);
    let mut rows = session.query(&statement, ()).unwrap();
    let mut count = 0;
    while let Some(row) = rows.next().unwrap() {
        assert_eq!(row.decode::<&str>().unwrap().len(), 1 << 20);
        count += 1;
    }
    assert_eq!(count, ROWS);
    drop(session);
    thread.join().unwrap();
}

#[test]
fn t40_both_sides_with_full_buffers_go_on_over_tcp() {
    both_sides_full(serve);
}

#[cfg(unix)]
#[test]
fn t40_both_sides_with_full_buffers_go_on_over_a_unix_socket() {
    both_sides_full(serve_locally);
}

#[test]
fn t39_the_connect_timeout_covers_the_whole_login() {
    // Silent from the beginning, in the middle of the greeting, and behind the login.
    for silent in 0..3 {
        let (config, thread) = serve(move |mut server| {
            let greeting = server.reply(0).greeting(&mysql());
            match silent {
                0 => {}
                1 => server.io.write_all(&greeting.bytes()[..20]).unwrap(),
                _ => server.send(&greeting),
            }
            server.until_closed();
        });
        let config = config.connect_timeout(Duration::from_secs(1));
        let error = Session::connect_with(&config).unwrap_err();
        thread.join().unwrap();
        let Error::Io(io) = &error else { panic!("{error}") };
        assert_eq!(io.task(), IoTask::Handshake);
        assert_eq!(io.io_error().kind(), std::io::ErrorKind::TimedOut);
        assert_eq!(error.was_sent(), Sent::No);
        let said = error.to_string();
        assert_eq!(said.contains("is it a MySQL or MariaDB server?"), silent == 0, "{said}");
    }
}

/// A session that has logged in knows no deadline any more.
#[test]
fn the_connect_timeout_ends_with_the_login() {
    let (config, thread) = serve(|mut server| {
        server.log_in();
        assert_eq!(server.packet(), [0x0E]);
        // Longer than the connect timeout.
        thread::sleep(Duration::from_millis(3200));
        server.send(&server.reply(1).ok());
        server.until_closed();
    });
    let mut session =
        Session::connect_with(&config.connect_timeout(Duration::from_secs(3))).unwrap();
    session.ping().unwrap();
    drop(session);
    thread.join().unwrap();
}

#[test]
fn an_iterator_ends_behind_the_first_error() {
    let (config, thread) = serve(|mut server| {
        server.log_in();
        server.packet();
        let reply = server.reply(1).columns(&[column("n", ColumnType::LONGLONG)]);
        server.send(&reply.row(&["1"]).row(&["2"]).err(1317, "interrupted"));
        server.packet();
        server.send(&server.reply(1).numbers([7, 8]));
        server.until_closed();
    });
    let mut session = Session::connect_with(&config).unwrap();
    let mut rows = session.query("SELECT n", ()).unwrap().into_iter();
    let number = |row: OwnedRow| row.decode::<u64>().unwrap();
    assert_eq!(rows.next().unwrap().map(number).unwrap(), 1);
    assert_eq!(rows.next().unwrap().map(number).unwrap(), 2);
    let error = rows.next().unwrap().unwrap_err();
    assert_eq!(error.as_server().unwrap().code(), 1317);
    assert!(rows.next().is_none() && rows.next().is_none());
    // What was not asked for can be lent again.
    let mut rows = session.query("SELECT n", ()).unwrap().into_iter();
    assert_eq!(rows.next().unwrap().map(number).unwrap(), 7);
    let mut rows = rows.into_rows();
    assert_eq!(rows.next().unwrap().unwrap().decode::<u64>().unwrap(), 8);
    assert!(rows.next().unwrap().is_none());
    drop(session);
    thread.join().unwrap();
}

#[test]
fn e07_a_server_that_says_why_it_stops_listening_is_heard() {
    let (config, thread) = serve(|mut server| {
        server.log_in();
        let mut begun = [0; HEADER_SIZE];
        server.io.read_exact(&mut begun).unwrap();
        server.send(&server.reply(1).err(1153, "Got a packet bigger than allowed"));
        // Closes with input unread, which resets the connection.
    });
    let mut session = Session::connect_with(&config).unwrap();
    let error = session.execute(&"x".repeat(8 << 20), ()).unwrap_err();
    // The reset can overtake what was said before it.
    match &error {
        Error::Server(server) => assert_eq!(server.code(), 1153),
        Error::Io(_) | Error::Protocol(_) => {}
        other => panic!("{other}"),
    }
    assert!(error.is_fatal());
    assert!(session.is_dead());
    thread.join().unwrap();
}

/// A transport of the caller's own that reads and writes as it likes.
#[test]
fn a_transport_of_the_callers_own() {
    struct Slow<T>(T, bool);

    impl<T: Read> Read for Slow<T> {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(std::io::ErrorKind::Interrupted.into());
            }
            let n = buf.len().min(3);
            self.0.read(&mut buf[..n])
        }
    }

    impl<T: Write> Write for Slow<T> {
        fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
            self.0.write(&buf[..buf.len().min(2)])
        }

        fn flush(&mut self) -> std::io::Result<()> {
            self.0.flush()
        }
    }

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let thread = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut server = Server { io: Box::new(stream), capabilities: Capabilities::default() };
        server.log_in();
        server.packet();
        server.send(&server.reply(1).numbers(1..=3));
        server.until_closed();
    });
    let mut session = Session::from_stream(Slow(stream, false), &config()).unwrap();
    assert_eq!(session.fetch_all::<u64>("SELECT n", ()).unwrap(), [1, 2, 3]);
    drop(session);
    thread.join().unwrap();
}

/// Allocations are counted for each thread, so those of the server are not among them.
#[test]
fn rows_one_by_one_and_in_batches_allocate_nothing() {
    const ROWS: u64 = 100_000;
    let (config, thread) = serve(|mut server| {
        server.log_in();
        for _ in 0..2 {
            server.packet();
            let reply = server.reply(1).numbers(1..=ROWS);
            server.send(&reply);
        }
        server.until_closed();
    });
    let mut session = Session::connect_with(&config).unwrap();
    let mut rows = session.query("SELECT n", ()).unwrap();
    // Up to the last row: behind it the window is given back for a small one.
    let (mut count, mut before, mut after) = (0, 0, 0);
    while let Some(row) = rows.next().unwrap() {
        count += 1;
        assert_eq!(row.decode::<u64>().unwrap(), count);
        match count {
            _ if count == ROWS / 10 => before = counting_alloc::calls(),
            ROWS => after = counting_alloc::calls(),
            _ => {}
        }
    }
    assert_eq!(after - before, 0, "allocations for rows");
    assert_eq!(count, ROWS);
    let mut rows = session.query("SELECT n", ()).unwrap();
    let (mut count, mut before, mut after) = (0, None, None);
    while let Some(batch) = rows.next_batch().unwrap() {
        for row in batch {
            count += 1;
            assert_eq!(row.unwrap().decode::<u64>().unwrap(), count);
        }
        if count > ROWS / 10 && before.is_none() {
            before = Some(counting_alloc::calls());
        }
        if count == ROWS {
            after = Some(counting_alloc::calls());
        }
    }
    assert!(after.is_some());
    assert_eq!(after, before, "allocations for batches");
    assert_eq!(count, ROWS);
    drop(session);
    thread.join().unwrap();
}
