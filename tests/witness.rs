//! What another reader of the protocol makes of the sessions in `protocol-spec/vectors/sessions/`:
//! tshark finds no packet malformed that it can read at all, and reads the same commands and rows.
//!
//! tshark comes with the test servers' script (`tests/servers/servers.sh fetch tshark`); the one named
//! by `MYWIRE_TSHARK` (4.4 or newer, with text2pcap beside it) is taken instead.
#![allow(
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "it prints what was read, and its module is private"
)]

#[path = "support/vectors.rs"]
mod vectors;

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mywire::wire::text_row::TextCells;
use vectors::Block;

const COM_QUERY: u8 = 0x03;
const COM_STMT_EXECUTE: u8 = 0x17;

/// Between two values of one row; no recorded text has it.
const BETWEEN: &str = "|";

/// A remark on a NUL byte inside a text, which values may have.
const REMARK: &str = "Trailing stray characters";

const FIELDS: [&str; 7] = [
    "tcp.srcport",
    "mysql.packet_number",
    "mysql.command",
    "mysql.query",
    "mysql.user",
    "mysql.row.text",
    "_ws.expert.message",
];

/// How much was compared.
#[derive(Debug, Default)]
struct Tally {
    packets: usize,
    commands: usize,
    queries: usize,
    rows: usize,
    /// Executions that tshark reads to their end, and those it does not.
    executions: [usize; 2],
    /// Binary rows likewise.
    binary_rows: [usize; 2],
}

#[test]
fn a_dissector_reads_the_recorded_sessions_as_we_do() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("witness");
    fs::create_dir_all(&folder).unwrap();
    fetch();
    let mut tally = Tally::default();
    for (name, blocks) in vectors::files("sessions") {
        let packets: Vec<&Block> = blocks.iter().filter(|block| block.kind() == "packet").collect();
        let seen = dissect(&folder, &name, &packets);
        assert_eq!(seen.len(), packets.len(), "{name}");
        for (packet, seen) in packets.into_iter().zip(&seen) {
            compare(packet, seen, &mut tally);
        }
    }
    println!("{tally:?}");
    // Else it has looked at nothing.
    assert!(tally.packets > 1000 && tally.commands > 300 && tally.queries > 100, "{tally:?}");
    assert!(tally.rows > 50 && tally.executions[0] > 20, "{tally:?}");
}

/// What tshark says of one packet, in the order of [`FIELDS`].
type Seen = Vec<String>;

fn compare(packet: &Block, seen: &Seen, tally: &mut Tally) {
    let place = &packet.place;
    let [port, number, command, query, user, row, complaints] = seen.as_slice() else {
        panic!("{place}: {seen:?}");
    };
    let from_server = packet.header("direction") == "server";
    assert_eq!(port, if from_server { "3306" } else { "40000" }, "{place}");
    assert_eq!(number, packet.header("sequence"), "{place}");
    tally.packets += 1;
    let message = packet.header("message");
    let complains = complaints.split(BETWEEN).any(|one| !one.is_empty() && one != REMARK);
    match (message, packet.bytes.first()) {
        ("Command", Some(&code)) => {
            assert_eq!(command, &code.to_string(), "{place}: the command");
            tally.commands += 1;
            if code == COM_STMT_EXECUTE {
                // It keeps no parameter's type from one execution to the next, and reads values that
                // the NULL bitmap takes out.
                tally.executions[usize::from(complains)] += 1;
                return;
            }
            if code == COM_QUERY && !query.is_empty() {
                let sent = String::from_utf8_lossy(&packet.bytes[1..]);
                assert!(sent.ends_with(query.as_str()), "{place}: {query:?} of {sent:?}");
                tally.queries += 1;
            }
        }
        ("LoginRequest", _) => assert!(!user.is_empty(), "{place}: the user"),
        ("TextRow", _) => {
            if let Some(expected) = shown(&packet.bytes) {
                assert_eq!(row, &expected, "{place}: the row");
                tally.rows += 1;
            }
        }
        ("BinaryRow", _) => {
            // It reads them as rows of text, or, behind COM_STMT_FETCH, as an OK packet.
            tally.binary_rows[usize::from(complains)] += 1;
            return;
        }
        _ => {}
    }
    assert!(!complains, "{place}, {message}: {complaints}");
}

/// A row as tshark's column shows it, or `None` if it has bytes that do not show.
fn shown(row: &[u8]) -> Option<String> {
    let mut values = Vec::new();
    let mut cells = TextCells::new(row);
    while cells.finish().is_err() {
        let value = cells.next_cell().expect("it is a vector").unwrap_or(b"NULL");
        if !value.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') {
            return None;
        }
        values.push(String::from_utf8_lossy(value));
    }
    Some(values.join(BETWEEN)).filter(|text| !text.contains('\\'))
}

/// Has text2pcap make a capture of the packets, and tshark read it.
fn dissect(folder: &Path, name: &str, packets: &[&Block]) -> Vec<Seen> {
    let dump = folder.join(format!("{name}.hex"));
    let capture = folder.join(format!("{name}.pcap"));
    fs::write(&dump, hex_dump(packets)).unwrap();
    run("text2pcap", |command| {
        command.args(["-q", "-D", "-T", "3306,40000"]).arg(&dump).arg(&capture);
    });
    let read = run("tshark", |command| {
        command.arg("-r").arg(&capture).args(["-d", "tcp.port==3306,mysql", "-T", "fields"]);
        command.arg("-E").arg(format!("aggregator={BETWEEN}"));
        for field in FIELDS {
            command.args(["-e", field]);
        }
    });
    let text = String::from_utf8(read.stdout).expect("tshark writes UTF-8");
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// The packets in the form that text2pcap reads: a direction, then lines of an offset and bytes.
fn hex_dump(packets: &[&Block]) -> String {
    let mut text = String::new();
    for packet in packets {
        let length = u32::try_from(packet.bytes.len()).unwrap().to_le_bytes();
        let number: u8 = packet.header("sequence").parse().unwrap();
        let mut whole = vec![length[0], length[1], length[2], number];
        whole.extend_from_slice(&packet.bytes);
        text += if packet.header("direction") == "server" { "I\n" } else { "O\n" };
        for (index, line) in whole.chunks(16).enumerate() {
            write!(text, "{:06x}", index * 16).unwrap();
            for byte in line {
                write!(text, " {byte:02x}").unwrap();
            }
            text.push('\n');
        }
        text.push('\n');
    }
    text
}

fn fetch() {
    if own_tshark().is_none() {
        output(Command::new("bash").arg(script()).args(["fetch", "tshark"]));
    }
}

fn run(program: &str, arguments: impl FnOnce(&mut Command)) -> Output {
    let mut command = match own_tshark() {
        Some(tshark) => Command::new(tshark.with_file_name(program)),
        None => {
            let mut command = Command::new("bash");
            command.arg(script()).args(["run", "tshark", program]);
            command
        }
    };
    arguments(&mut command);
    output(&mut command)
}

fn own_tshark() -> Option<PathBuf> {
    env::var_os("MYWIRE_TSHARK").map(PathBuf::from)
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/servers.sh")
}

fn output(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| {
        panic!("{command:?}: {error}; MYWIRE_TSHARK may name a tshark of 4.4 or newer")
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {said}; MYWIRE_TSHARK may name a tshark of 4.4 or newer"
    );
    output
}
