//! A proxy that repeats the rows of a marked query, so that the client is the bottleneck.
//!
//! A statement with `/* repeat=N */` in it, sent as a query or prepared and then executed, gets its
//! result set's rows N times. The rows come from the server once; whole blocks of 256 rows keep the
//! sequence ids right as they are, other blocks get theirs written anew. Everything else passes
//! through. The last block can also be had raw, without a login, at [`Proxy::raw`].

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

const COM_QUERY: u8 = 3;
const COM_STMT_PREPARE: u8 = 0x16;
const COM_STMT_EXECUTE: u8 = 0x17;
const DEPRECATE_EOF: u32 = 1 << 24;
const SSL: u32 = 1 << 11;
const MARK: &[u8] = b"/* repeat=";

#[derive(Debug)]
pub struct Proxy {
    /// Where clients log in.
    pub address: SocketAddr,
    /// Whoever connects here gets the last block of rows, repeated, and nothing else.
    pub raw: SocketAddr,
}

/// The rows that were repeated last.
#[derive(Clone, Default)]
struct Block {
    packets: Vec<u8>,
    rows: u64,
    repeats: u64,
}

type Last = Arc<Mutex<Arc<Block>>>;

impl Proxy {
    /// Starts to listen, in threads that live as long as the process.
    pub fn start(server: SocketAddr) -> Self {
        let last = Last::default();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let raw = TcpListener::bind("127.0.0.1:0").expect("a port");
        let this = Self {
            address: listener.local_addr().expect("an address"),
            raw: raw.local_addr().expect("an address"),
        };
        let kept = last.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                serve(client, TcpStream::connect(server).expect("the server"), kept.clone());
            }
        });
        thread::spawn(move || {
            for mut client in raw.incoming().flatten() {
                let block = last.lock().expect("no panic").clone();
                thread::spawn(move || drop(repeat(&block, &mut client)));
            }
        });
        this
    }
}

/// Passes one connection's bytes on, in two threads.
fn serve(client: TcpStream, server: TcpStream, last: Last) {
    client.set_nodelay(true).expect("nodelay");
    server.set_nodelay(true).expect("nodelay");
    // What the next reply is to be repeated; 0 is not at all.
    let due = Arc::new(AtomicU64::new(0));
    let capabilities = Arc::new(AtomicU64::new(0));
    let (mut from_client, mut to_client) = (client.try_clone().expect("a clone"), client);
    let (mut from_server, mut to_server) = (server.try_clone().expect("a clone"), server);
    let (due_there, capabilities_there) = (due.clone(), capabilities.clone());
    thread::spawn(move || {
        let mut prepared = 0;
        let mut reader = BufReader::new(&mut from_client);
        let mut packet = Vec::new();
        let mut login = true;
        while read_packet(&mut reader, &mut packet) {
            let payload = &packet[4..];
            if login {
                let flags = u32::from_le_bytes(payload[..4].try_into().expect("four bytes"));
                assert!(flags & SSL == 0, "the clients must not use TLS");
                capabilities_there.store(flags.into(), Ordering::SeqCst);
                login = false;
            } else if packet[3] == 0 {
                match payload.first() {
                    Some(&COM_QUERY) => due_there.store(marked(payload), Ordering::SeqCst),
                    Some(&COM_STMT_PREPARE) => prepared = marked(payload),
                    Some(&COM_STMT_EXECUTE) => due_there.store(prepared, Ordering::SeqCst),
                    _ => {}
                }
            }
            if to_server.write_all(&packet).is_err() {
                break;
            }
        }
        let _ = to_server.shutdown(std::net::Shutdown::Both);
    });
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(n @ 1..) = from_server.read(&mut buffer) {
            let passed = match due.swap(0, Ordering::SeqCst) {
                0 => to_client.write_all(&buffer[..n]),
                repeats => {
                    let deprecated =
                        capabilities.load(Ordering::SeqCst) as u32 & DEPRECATE_EOF != 0;
                    let mut reader =
                        BufReader::with_capacity(256 << 10, (&buffer[..n]).chain(&from_server));
                    pass_repeated(&mut reader, &mut to_client, repeats, deprecated, &last)
                }
            };
            if passed.is_err() {
                break;
            }
        }
        let _ = to_client.shutdown(std::net::Shutdown::Both);
    });
}

/// How often a statement's rows are to be repeated.
fn marked(statement: &[u8]) -> u64 {
    let Some(at) = statement.windows(MARK.len()).position(|window| window == MARK) else {
        return 0;
    };
    let digits = statement[at + MARK.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

/// Reads a packet with its header; `false` at the end.
fn read_packet(reader: &mut impl Read, packet: &mut Vec<u8>) -> bool {
    packet.resize(4, 0);
    if reader.read_exact(packet).is_err() {
        return false;
    }
    let length = u32::from_le_bytes([packet[0], packet[1], packet[2], 0]) as usize;
    assert!(length < 0xFF_FFFF, "rows of 16 MiB are not repeated");
    packet.resize(4 + length, 0);
    reader.read_exact(&mut packet[4..]).is_ok()
}

fn pass_repeated(
    from: &mut impl Read,
    to: &mut impl Write,
    repeats: u64,
    deprecated: bool,
    last: &Last,
) -> std::io::Result<()> {
    let mut packet = Vec::new();
    let mut head = Vec::new();
    let broken = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    if !read_packet(from, &mut packet) {
        return Err(broken());
    }
    let first = packet[4];
    if first == 0 || first == 0xFF {
        return to.write_all(&packet);
    }
    assert!(first < 0xFB, "few columns");
    head.extend_from_slice(&packet);
    let definitions = if packet.get(5) == Some(&0) { 0 } else { u64::from(first) };
    for _ in 0..definitions + u64::from(!deprecated) {
        if !read_packet(from, &mut packet) {
            return Err(broken());
        }
        head.extend_from_slice(&packet);
    }
    to.write_all(&head)?;
    let mut block = Block { repeats, ..Block::default() };
    loop {
        if !read_packet(from, &mut packet) {
            return Err(broken());
        }
        if packet[4] == 0xFF || (packet[4] == 0xFE && packet.len() < 64) {
            break;
        }
        block.packets.extend_from_slice(&packet);
        block.rows += 1;
    }
    let block = Arc::new(block);
    *last.lock().expect("no panic") = block.clone();
    repeat(&block, to)?;
    let sequence = u64::from(packet[3]) + block.rows * (block.repeats - 1);
    packet[3] = (sequence % 256) as u8;
    to.write_all(&packet)
}

fn repeat(block: &Block, to: &mut impl Write) -> std::io::Result<()> {
    if block.rows.is_multiple_of(256) {
        return (0..block.repeats).try_for_each(|_| to.write_all(&block.packets));
    }
    let mut packets = block.packets.clone();
    let mut sequence = packets.get(3).copied().unwrap_or(0);
    for _ in 0..block.repeats {
        let mut at = 0;
        while let Some(&[a, b, c, _]) = packets[at..].first_chunk::<4>() {
            packets[at + 3] = sequence;
            sequence = sequence.wrapping_add(1);
            at += 4 + u32::from_le_bytes([a, b, c, 0]) as usize;
        }
        to.write_all(&packets)?;
    }
    Ok(())
}
