//! The text format of `protocol-spec/vectors/`, described in `protocol-spec/README.md`.
#![allow(dead_code, reason = "each test that includes this file uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};

/// A vector, a recorded packet, or the head of a recorded session.
#[derive(Debug, Default)]
pub struct Block {
    /// File and line, for messages.
    pub place: String,
    /// `key: value` lines; the first one says what kind of block it is.
    headers: Vec<(String, String)>,
    pub bytes: Vec<u8>,
    /// `name = value` lines.
    pub fields: Vec<(String, String)>,
}

impl Block {
    /// What kind of block it is: `vector`, `packet` or `session`.
    pub fn kind(&self) -> &str {
        &self.headers[0].0
    }

    /// Its name or number.
    pub fn name(&self) -> &str {
        &self.headers[0].1
    }

    pub fn find(&self, key: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == key).map(|(_, value)| value.as_str())
    }

    /// The same headers over other bytes.
    pub fn with_bytes(&self, bytes: Vec<u8>) -> Self {
        Self { place: self.place.clone(), headers: self.headers.clone(), bytes, fields: Vec::new() }
    }

    pub fn header(&self, key: &str) -> &str {
        self.find(key).unwrap_or_else(|| panic!("{}: no line `{key}: …`", self.place))
    }
}

/// All blocks of the files in `protocol-spec/vectors/FOLDER`, file by file.
pub fn files(folder: &str) -> Vec<(String, Vec<Block>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol-spec/vectors").join(folder);
    let entries = fs::read_dir(&folder).expect("the folder of vectors is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    assert!(!paths.is_empty(), "no vectors in {}", folder.display());
    let read = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let blocks = parse(&name, &fs::read_to_string(path).unwrap());
        (name, blocks)
    };
    paths.iter().map(read).collect()
}

pub fn parse(file: &str, text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let place = format!("{file}:{}", number + 1);
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(bytes) = hex(line, &place) {
            blocks
                .last_mut()
                .unwrap_or_else(|| panic!("{place}: bytes of nothing"))
                .bytes
                .extend(bytes);
            continue;
        }
        let header = line.split_once(':').filter(|(key, _)| is_key(key));
        if let Some((key, value)) = header {
            if matches!(key, "vector" | "packet" | "session") {
                blocks.push(Block { place: place.clone(), ..Block::default() });
            }
            let block = blocks.last_mut().unwrap_or_else(|| panic!("{place}: header of nothing"));
            block.headers.push((key.to_owned(), value.trim().to_owned()));
            continue;
        }
        let (name, value) = line.split_once(" = ").unwrap_or_else(|| panic!("{place}: {line}"));
        let block = blocks.last_mut().unwrap_or_else(|| panic!("{place}: field of nothing"));
        block.fields.push((name.to_owned(), value.to_owned()));
    }
    blocks
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// The bytes of a line such as `0a 00 78 x300  # comment`, or `None` if it is no such line.
fn hex(line: &str, place: &str) -> Option<Vec<u8>> {
    let data = line.split('#').next().unwrap_or_default();
    let mut bytes = Vec::new();
    for (index, word) in data.split_whitespace().enumerate() {
        let byte = (word.len() == 2).then(|| u8::from_str_radix(word, 16).ok()).flatten();
        match (byte, word.strip_prefix('x')) {
            (Some(byte), _) => bytes.push(byte),
            (None, Some(times)) if index > 0 => {
                let times: usize = times.parse().unwrap_or_else(|_| panic!("{place}: {word}"));
                let last = *bytes.last().unwrap();
                bytes.resize(bytes.len() + times - 1, last);
            }
            _ if index > 0 => panic!("{place}: {word} is neither a byte nor a repetition"),
            _ => return None,
        }
    }
    Some(bytes).filter(|bytes| !bytes.is_empty())
}

/// Bytes as a vector writes them: `"text\x00"`, or `"x" x300` for many equal ones.
pub fn quoted(bytes: &[u8]) -> String {
    if bytes.len() > 64 && bytes.iter().all(|byte| *byte == bytes[0]) {
        return format!("{} x{}", quoted(&bytes[..1]), bytes.len());
    }
    let mut text = String::from("\"");
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => text += &format!("\\x{byte:02x}"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text += &format!("\\x{byte:02x}"),
        }
    }
    text.push('"');
    text
}

/// Flags as a vector writes them, from their `Debug` form.
pub fn flags(flags: impl std::fmt::Debug) -> String {
    let text = format!("{flags:?}");
    let names =
        text.split_once('(').map_or(text.as_str(), |(_, names)| names.trim_end_matches(')'));
    if names.is_empty() { String::from("none") } else { names.to_owned() }
}
