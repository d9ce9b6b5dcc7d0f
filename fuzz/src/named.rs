//! Parameters by name, against a reader of SQL that takes one byte after the other.

use mywire::error::{Error, UsageError};
use mywire::{NamedSql, Params, ToValue};

use super::meter::bounded;
use super::source::Source;

/// Pieces that SQL is made of, as far as names are concerned.
const PIECES: [&str; 30] = [
    ":a", ":b", ":name_1", "?", "'", "\"", "`", "\\", "--", "-- ", "#", "\n", "/*", "*/", "/*!",
    "/*M!", "::", ":=", ":", " ", "x", "9", "$", "_", "ä", "-", "*", "/", "SELECT ", ",",
];

/// The first byte says whether the rest is text or a list of pieces.
pub fn named(data: &[u8]) {
    bounded(data, |data| {
        let mut source = Source::new(data);
        if source.flag() {
            let mut sql = String::new();
            while !source.is_empty() {
                sql.push_str(source.pick(&PIECES));
            }
            agree(&sql);
        } else if let Ok(sql) = std::str::from_utf8(source.rest()) {
            agree(sql);
        }
    });
}

fn agree(sql: &str) {
    let found = places(sql.as_bytes());
    let marks = found.iter().filter(|place| place.is_none()).count();
    let names: Vec<(usize, &str)> =
        found.iter().flatten().map(|&(start, end)| (start, &sql[start + 1..end])).collect();
    let parsed = match NamedSql::parse(sql) {
        Ok(parsed) => parsed,
        Err(Error::Usage(UsageError::MixedParameters)) => {
            assert!(marks > 0 && !names.is_empty(), "{sql:?}");
            return;
        }
        Err(error) => panic!("{sql:?}: {error}"),
    };
    assert!(marks == 0 || names.is_empty(), "{sql:?}");
    let (mut expected, mut copied) = (String::new(), 0);
    let mut distinct: Vec<&str> = Vec::new();
    for &(start, name) in &names {
        expected.push_str(&sql[copied..start]);
        expected.push('?');
        copied = start + 1 + name.len();
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    expected.push_str(&sql[copied..]);
    assert_eq!(parsed.sql(), expected, "{sql:?}");
    assert!(parsed.names().eq(distinct.iter().copied()), "{sql:?}");
    // Each place gets the value of its name.
    let values: Vec<u32> = (0..).take(distinct.len()).collect();
    let given: Vec<(&str, &(dyn ToValue + Sync))> = distinct
        .iter()
        .zip(&values)
        .map(|(name, value)| -> (&str, &(dyn ToValue + Sync)) { (name, value) })
        .collect();
    let params = parsed.bind(&given).expect("each name is given once");
    let mut bytes = Vec::new();
    params
        .visit(&mut |value| {
            value.write(&mut bytes).expect("a number");
            Ok(())
        })
        .expect("numbers");
    let place = |name| distinct.iter().position(|known| *known == name).expect("it is known");
    let wanted: Vec<u8> =
        names.iter().flat_map(|(_, name)| values[place(*name)].to_le_bytes()).collect();
    assert_eq!(bytes, wanted, "{sql:?}");
    assert_eq!(params.count(), names.len());
    if let Some((_, rest)) = given.split_first() {
        assert!(parsed.bind(rest).is_err(), "{sql:?}");
    }
    // What the server is given has no names any more, or it would be read anew.
    assert!(places(parsed.sql().as_bytes()).iter().all(Option::is_none), "{sql:?}");
}

/// Where the reader is.
#[derive(Clone, Copy)]
enum In {
    Code,
    /// In a quote, perhaps behind a backslash.
    Quote {
        quote: u8,
        escaped: bool,
    },
    Comment,
    Line,
}

/// The places of names, from the colon to the name's end, and `None` for each `?`.
fn places(sql: &[u8]) -> Vec<Option<(usize, usize)>> {
    let letter = |byte: u8| byte == b'_' || byte.is_ascii_alphabetic() || byte >= 0x80;
    let named = |byte: u8| letter(byte) || byte.is_ascii_digit();
    let word = |byte: u8| named(byte) || byte == b'$';
    let byte = |at: usize| sql.get(at).copied();
    let starts = |at: usize, text: &[u8]| sql[at..].starts_with(text);
    let mut places = Vec::new();
    let mut state = In::Code;
    // Whether a word stands directly in front.
    let mut behind_word = false;
    // Behind a `$$` that has no other.
    let mut no_quotes = false;
    let before = |at: usize| at.checked_sub(1).map(|before| sql[before]);
    let mut at = 0;
    while at < sql.len() {
        let here = sql[at];
        match state {
            In::Quote { quote, escaped } => {
                state = match here {
                    _ if escaped => In::Quote { quote, escaped: false },
                    b'\\' if quote != b'`' => In::Quote { quote, escaped: true },
                    _ if here == quote => In::Code,
                    _ => state,
                };
                at += 1;
            }
            In::Comment => {
                let ends = starts(at, b"*/");
                at += if ends { 2 } else { 1 };
                state = if ends { In::Code } else { In::Comment };
            }
            In::Line => {
                state = if here == b'\n' { In::Code } else { In::Line };
                at += 1;
            }
            In::Code => {
                let behind = std::mem::replace(&mut behind_word, word(here));
                let dashes = starts(at, b"--")
                    && byte(at + 2).is_none_or(|next| next <= b' ' || next == 0x7F);
                match here {
                    b'\'' | b'"' | b'`' => {
                        state = In::Quote { quote: here, escaped: false };
                        at += 1;
                    }
                    b'/' if starts(at, b"/*!") => at += 3,
                    b'/' if starts(at, b"/*M!") => at += 4,
                    b'/' if starts(at, b"/*") => {
                        state = In::Comment;
                        at += 2;
                    }
                    b'#' => {
                        state = In::Line;
                        at += 1;
                    }
                    b'-' if dashes => {
                        state = In::Line;
                        at += 2;
                    }
                    b'$' if !behind && !no_quotes && !matches!(before(at), Some(b'@' | b'.')) => {
                        let tag = sql[at + 1..].iter().take_while(|byte| named(**byte)).count();
                        let quote = &sql[at..sql.len().min(at + tag + 2)];
                        let is_quote = quote.len() > 1 && quote.ends_with(b"$");
                        let mut ends = at + quote.len()..sql.len();
                        match is_quote.then(|| ends.find(|&end| starts(end, quote))).flatten() {
                            Some(end) => {
                                at = end + quote.len();
                                behind_word = false;
                            }
                            None => {
                                no_quotes |= is_quote;
                                at += 1;
                            }
                        }
                    }
                    b'?' => {
                        places.push(None);
                        at += 1;
                    }
                    b':' if matches!(byte(at + 1), Some(b':' | b'=')) => at += 2,
                    b':' if !behind && byte(at + 1).is_some_and(letter) => {
                        let start = at;
                        at += 2;
                        while byte(at).is_some_and(named) {
                            at += 1;
                        }
                        places.push(Some((start, at)));
                    }
                    _ => at += 1,
                }
            }
        }
    }
    places
}
