//! The syntax of option files, line by line.

use zeroize::Zeroizing;

/// What a line says.
pub(super) enum Line<'l> {
    Nothing,
    Group(&'l str),
    Option { key: String, value: Option<Zeroizing<Vec<u8>>> },
    Include(&'l str),
    IncludeFolder(&'l str),
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineError {
    Group,
    Directive,
    Key,
}

impl LineError {
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Group => "a group's name stands between [ and ]",
            Self::Directive => "there are !include FILE and !includedir FOLDER, and no others",
            Self::Key => "an option needs a name before the =",
        }
    }
}

/// Reads a line, without the line break.
pub(super) fn parse(line: &[u8]) -> Result<Line<'_>, LineError> {
    let line = line.trim_ascii();
    match line.first() {
        None | Some(b'#' | b';') => Ok(Line::Nothing),
        Some(b'[') => {
            let inner = line.get(1..).unwrap_or_default();
            let end = inner.iter().position(|&byte| byte == b']').ok_or(LineError::Group)?;
            let (name, behind) = inner.split_at(end);
            let behind = behind.get(1..).unwrap_or_default().trim_ascii();
            let name = std::str::from_utf8(name.trim_ascii()).map_err(|_| LineError::Group)?;
            match behind.first() {
                None | Some(b'#' | b';') if !name.is_empty() => Ok(Line::Group(name)),
                _ => Err(LineError::Group),
            }
        }
        Some(b'!') => directive(line),
        Some(_) => option(line),
    }
}

fn directive(line: &[u8]) -> Result<Line<'_>, LineError> {
    let line = std::str::from_utf8(line).map_err(|_| LineError::Directive)?;
    let (word, path) = line.split_once([' ', '\t']).ok_or(LineError::Directive)?;
    match (word, path.trim()) {
        (_, "") => Err(LineError::Directive),
        ("!include", path) => Ok(Line::Include(path)),
        ("!includedir", path) => Ok(Line::IncludeFolder(path)),
        _ => Err(LineError::Directive),
    }
}

fn option(line: &[u8]) -> Result<Line<'_>, LineError> {
    let line = without_comment(line).trim_ascii_end();
    let (key, value) = match line.iter().position(|&byte| byte == b'=') {
        Some(at) => {
            let (key, value) = line.split_at(at);
            (key, Some(value.get(1..).unwrap_or_default()))
        }
        None => (line, None),
    };
    let key = std::str::from_utf8(key.trim_ascii_end()).map_err(|_| LineError::Key)?;
    if key.is_empty() {
        return Err(LineError::Key);
    }
    // As on a command line.
    let key = key.trim_start_matches('-').replace('_', "-");
    Ok(Line::Option { key, value: value.map(|value| unescape(unquote(value.trim_ascii()))) })
}

/// The line up to a `#` outside of quotes.
fn without_comment(line: &[u8]) -> &[u8] {
    let mut quote = None;
    let mut escaped = false;
    for (at, &byte) in line.iter().enumerate() {
        match (quote, byte) {
            (_, b'\'' | b'"') if !escaped && (quote.is_none() || quote == Some(byte)) => {
                quote = if quote.is_some() { None } else { Some(byte) };
            }
            (None, b'#') => return line.get(..at).unwrap_or_default(),
            _ => {}
        }
        escaped = quote.is_some() && byte == b'\\' && !escaped;
    }
    line
}

fn unquote(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner,
        value => value,
    }
}

/// What the escapes stand for; a backslash before anything else stays.
fn unescape(value: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(value.len()));
    let mut bytes = value.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            plain.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'n') => plain.push(b'\n'),
            Some(b't') => plain.push(b'\t'),
            Some(b'r') => plain.push(b'\r'),
            Some(b'b') => plain.push(8),
            Some(b's') => plain.push(b' '),
            Some(same @ (b'"' | b'\'' | b'\\')) => plain.push(same),
            Some(other) => plain.extend_from_slice(&[b'\\', other]),
            None => plain.push(b'\\'),
        }
    }
    plain
}
