//! The inputs that fuzzing starts from: the vectors of `protocol-spec/`, put the way that each body
//! in `fuzz/src` draws its decisions.

use std::collections::HashMap;

use mywire::wire::{Capabilities, ColumnType, OkPacket, PacketHeader};

use crate::fuzz::recorded::recordings;
use crate::fuzz::rows::TYPES;
use crate::fuzz::vectors::{Block, files};
use crate::fuzz::{handshake, messages};

/// How many vectors of a file and a message become seeds: the corpus is replayed by every test run.
const PER_MESSAGE: usize = 3;

pub struct Seed {
    pub target: &'static str,
    pub name: String,
    pub input: Vec<u8>,
}

pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut taken: HashMap<(String, String), usize> = HashMap::new();
    for (file, blocks) in files("") {
        for block in &blocks {
            let message = block.find("message").unwrap_or_default();
            let count = taken.entry((file.clone(), message.to_owned())).or_default();
            if *count < PER_MESSAGE && of_vector(block, message, &mut seeds) {
                *count += 1;
            }
        }
    }
    of_sessions(&mut seeds);
    of_callers(&mut seeds);
    of_texts(&mut seeds);
    seeds
}

fn add(seeds: &mut Vec<Seed>, target: &'static str, name: impl Into<String>, input: Vec<u8>) {
    seeds.push(Seed { target, name: name.into(), input });
}

/// The seeds of one vector; `false` if it gives none.
fn of_vector(block: &Block, message: &str, seeds: &mut Vec<Seed>) -> bool {
    let (name, payload) = (block.name(), &block.bytes);
    let before = seeds.len();
    let capabilities = capabilities(block.find("capabilities").unwrap_or("none"));
    if let Some(number) = messages::NAMES.iter().position(|known| *known == message)
        && payload.len() <= 400
    {
        let mut bits = 0;
        for (bit, capability) in messages::CAPABILITIES.into_iter().enumerate() {
            bits |= u8::from(capabilities.contains(capability)) << bit;
        }
        let columns = block.find("columns").map_or(1, |columns| columns.parse().unwrap());
        let head = [u8::try_from(number).unwrap(), bits, columns];
        add(seeds, "messages", name, [&head[..], payload].concat());
    }
    match message {
        "TextRow" => {
            let columns: usize = block.header("columns").parse().unwrap();
            row(seeds, "text_row", block, &vec![(ColumnType::VAR_STRING, false); columns]);
        }
        "BinaryRow" => {
            let types: Vec<_> = block.header("types").split(" | ").map(column_type).collect();
            row(seeds, "binary_row", block, &types);
        }
        "ColumnDefinition" if payload.len() <= 200 => {
            let extended = capabilities.contains(Capabilities::MARIADB_EXTENDED_METADATA);
            let offer = u8::from(extended);
            let head = [0, offer, 0, 0, 0, 0, 7, length(payload)];
            add(seeds, "columns", name, [&head[..], payload].concat());
        }
        "OkPacket" => {
            let state = OkPacket::decode(payload, capabilities).map(|ok| ok.session_state);
            if let Ok(state) = state
                && (1..=80).contains(&state.encoded().len())
            {
                let head = [0, 0, 0, 0, 0, 1, 8, length(state.encoded())];
                add(seeds, "session_state", name, [&head[..], state.encoded()].concat());
            }
        }
        "AuthResponse" => auth(seeds, block),
        "Command" | "LoginRequest" | "ChangeUser" | "SslRequest" if payload.len() <= 400 => {
            let header =
                PacketHeader { length: u32::try_from(payload.len()).unwrap(), sequence: 0 };
            add(seeds, "server_side", name, [&[0, 0, 0][..], &header.encode(), payload].concat());
        }
        _ => {}
    }
    seeds.len() > before
}

fn row(seeds: &mut Vec<Seed>, target: &'static str, block: &Block, types: &[(ColumnType, bool)]) {
    if types.len() > 9 || block.bytes.len() > 200 {
        return;
    }
    let mut input = vec![0, 0, u8::try_from(types.len() - 1).unwrap()];
    for (column_type, unsigned) in types {
        let place = TYPES.iter().position(|known| *known == column_type.0).unwrap();
        let flags = if *unsigned { [0x20, 0] } else { [0, 0] };
        input.extend([u8::try_from(place).unwrap(), flags[0], flags[1], 0, 0, 0]);
    }
    // One row, as it is.
    input.extend([0, 5, length(&block.bytes)]);
    input.extend_from_slice(&block.bytes);
    input.push(0);
    add(seeds, target, block.name(), input);
}

fn column_type(name: &str) -> (ColumnType, bool) {
    let (name, unsigned) = match name.split_once(' ') {
        Some((name, "UNSIGNED")) => (name, true),
        _ => (name, false),
    };
    let code = (0..=255).find(|code| ColumnType(*code).name() == Some(name));
    (ColumnType(code.unwrap_or_else(|| panic!("no type is called {name}"))), unsigned)
}

fn auth(seeds: &mut Vec<Seed>, block: &Block) {
    let Some(nonce) = block.find("nonce") else { return };
    let plugin = block.header("plugin").as_bytes();
    let Some(place) = handshake::PLUGINS.iter().position(|known| *known == plugin) else { return };
    let channel = match block.find("channel") {
        None => 0,
        Some("TLS") => 2,
        Some(_) => 3,
    };
    let mut input = vec![channel, 2, 3, 3, u8::try_from(place).unwrap()];
    for data in [Some(nonce), block.find("salt")].into_iter().flatten() {
        let data: Vec<u8> =
            data.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        if data.len() > 60 {
            return;
        }
        input.extend([8, length(&data)]);
        input.extend(data);
    }
    add(seeds, "auth", block.name(), input);
}

/// Each recorded session as it was, and with its commands given three at a time.
fn of_sessions(seeds: &mut Vec<Seed>) {
    for (number, recording) in recordings().iter().enumerate() {
        let exchanges = recording.exchanges.len().min(24);
        let head = [u8::try_from(number).unwrap(), 0, 3, 0, 1, 1, 0];
        let one_by_one = [4, 0].repeat(exchanges);
        let by_threes = [4, 0, 4, 3, 4, 3].repeat(exchanges.div_ceil(3));
        add(seeds, "recorded", format!("session-{number}"), [&head[..], &one_by_one].concat());
        add(seeds, "recorded", format!("pipelined-{number}"), [&head[..], &by_threes].concat());
    }
}

/// What a caller can do, one thing after the other, patiently and not.
fn of_callers(seeds: &mut Vec<Seed>) {
    for action in 0..16 {
        for (impatient, name) in [(&[0][..], "patient"), (&[2, 5], "impatient")] {
            let mut input = vec![40, 40, 0, 0, 0];
            for way in 0..4 {
                input.extend_from_slice(impatient);
                input.extend([action, 9, way, way, 3, 1, 2, 0, 1, 2]);
            }
            add(seeds, "session", format!("{name}-{action}"), input);
        }
    }
    for plugin in 0..u8::try_from(handshake::PLUGINS.len()).unwrap() {
        // A greeting, the next factor twice, an OK, and the same as another user.
        let factor = [7, 2, plugin];
        let login = [&[plugin][..], &factor, &factor, &[7, 7]].concat();
        add(seeds, "factors", format!("unix-{plugin}"), [&[1, 1, 0][..], &login, &login].concat());
        add(seeds, "factors", format!("tcp-{plugin}"), [&[0, 1, 0][..], &login, &login].concat());
    }
    for target in ["chunked", "values"] {
        for number in 0..12 {
            add(seeds, target, format!("mixed-{number}"), mixed(number));
        }
    }
}

/// Bytes without a pattern, always the same.
fn mixed(number: u64) -> Vec<u8> {
    let mut random = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(160).collect()
}

fn of_texts(seeds: &mut Vec<Seed>) {
    for (number, url) in [
        "mysql://app:secret@127.0.0.1:3306/app_db",
        "mariadb://db.example.com",
        "mysql://u%40x:p%2Fw@[::1]:3307/a%20b?ssl-mode=VERIFY_CA&ssl-ca=/etc/ca.pem",
        "mysql:///shop?socket=/run/mysqld/mysqld.sock&connect-timeout=2.5",
        "mysql://app@localhost/?pool-min=1&pool-max=9&pool-idle-timeout=60&compression=zstd,zlib",
        "mysql://h?sql-mode=&time-zone=%2B00:00&keepalive=0&bind-address=127.0.0.1",
        "mysql://app:pa?ss@h/db",
        "mysql://h?colation=x",
    ]
    .iter()
    .enumerate()
    {
        add(seeds, "url", format!("url-{number}"), [&[0][..], url.as_bytes()].concat());
    }
    add(seeds, "url", "password", b"\x02\x05\x03app\x02p?\x01%\x00h/db".to_vec());
    for (number, file) in [
        &b"\0\0[client]\nhost = db\nuser=app\npassword=\"a#b\"\nssl-ca=/c # why\n[mysqld]\nport=1\n"[..],
        b"\0\0[mywire]\nport=3307\nsocket='/run/s'\n; skip-ssl\nloose-x=1\n",
        b"\x01\x03\x00\x12\x05\x13\x21\x05",
        b"\x02\x03\x01\x02[client]\nuser=app",
        b"\x03\x03\x00\x12\x05\x18\x05\x21",
    ]
    .iter()
    .enumerate()
    {
        add(seeds, "option_files", format!("file-{number}"), file.to_vec());
    }
    for (number, sql) in [
        "SELECT :a, :b_2, ':c', \":d\", `:e` /* :f */ -- :g\n# :h\n, :a",
        "/*! :a */ /*M! :b */ x::y, @z:=1, a:b",
        r"SELECT 'it''s \' :a' , :ä",
        "SELECT ?, '?'",
    ]
    .iter()
    .enumerate()
    {
        add(seeds, "named", format!("sql-{number}"), [&[0][..], sql.as_bytes()].concat());
    }
    add(seeds, "named", "pieces", (0..=30).collect());
}

fn length(bytes: &[u8]) -> u8 {
    u8::try_from(bytes.len()).unwrap()
}

fn capabilities(names: &str) -> Capabilities {
    let named = |name: &&str| Capabilities::NAMES.iter().find(|(_, known)| known == name);
    let known = names.split(" | ").filter_map(|name| named(&name));
    known.fold(Capabilities::NONE, |all, (one, _)| all | *one)
}
