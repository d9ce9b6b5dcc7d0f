//! What a client has to know of SQL: where parameters are, and what kind of statement it is.

use std::ops::Range;

/// Whether executing the SQL can change the default database. What cannot be seen counts: a
/// statement that another one prepared.
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub(crate) fn can_choose_database(sql: &str) -> bool {
    // The first word of the statement in progress, once it is known.
    let mut first: Option<&str> = None;
    for token in Tokens::new(sql.as_bytes()) {
        match token {
            Token::Semicolon => first = None,
            Token::Word(range) => {
                let word = word(sql, range);
                match first {
                    _ if word.is_empty() => {}
                    None if is_any(word, &["USE", "EXECUTE"]) => return true,
                    None => first = Some(word),
                    Some(first)
                        if is_any(first, &["DROP"]) && is_any(word, &["DATABASE", "SCHEMA"]) =>
                    {
                        return true;
                    }
                    Some(_) => {}
                }
            }
            Token::Name(_) | Token::Mark => {}
        }
    }
    false
}

/// Whether the SQL is a single INSERT, REPLACE, UPDATE or DELETE, by its first word.
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub(crate) fn changes_rows(sql: &str) -> bool {
    let mut words = Tokens::new(sql.as_bytes()).filter_map(|token| match token {
        Token::Word(range) => Some(word(sql, range)),
        _ => None,
    });
    words
        .find(|word| !word.is_empty())
        .is_some_and(|first| is_any(first, &["INSERT", "REPLACE", "UPDATE", "DELETE"]))
}

/// A word without the version that `/*!` has in front of it.
#[cfg(any(feature = "tokio", feature = "blocking"))]
fn word(sql: &str, range: Range<usize>) -> &str {
    sql.get(range).unwrap_or_default().trim_start_matches(|c: char| c.is_ascii_digit())
}

#[cfg(any(feature = "tokio", feature = "blocking"))]
fn is_any(word: &str, keywords: &[&str]) -> bool {
    keywords.iter().any(|keyword| keyword.eq_ignore_ascii_case(word))
}

/// What is of interest in SQL.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// The place of a parameter's name, without its colon.
    Name(Range<usize>),
    /// A `?`.
    Mark,
    /// The place of a word or number that is not quoted.
    Word(Range<usize>),
    /// A `;`.
    Semicolon,
}

/// Walks SQL as servers read it, as far as that matters to where parameters and statements are.
pub(crate) struct Tokens<'s> {
    sql: &'s [u8],
    /// Behind the last token.
    pub(crate) at: usize,
    behind_word: bool,
    /// A `$$` that has no end: the SQL is for a server to which it is a word.
    dollars_are_letters: bool,
}

impl<'s> Tokens<'s> {
    pub(crate) const fn new(sql: &'s [u8]) -> Self {
        Self { sql, at: 0, behind_word: false, dollars_are_letters: false }
    }

    /// The length of what stands between two `$$`, or two `$tag$` of the same tag, them included: what
    /// MySQL has from 8.1 on for routines in other languages. `None` if the word at this place is one.
    fn dollar_quoted(&mut self, at: usize, rest: &[u8]) -> Option<usize> {
        let name = rest.strip_prefix(b"$")?;
        let quote = 2 + name.iter().take_while(|&&byte| is_name(byte)).count();
        let (quote, body) =
            rest.split_at_checked(quote).filter(|(quote, _)| quote.ends_with(b"$"))?;
        // A variable, or the part of a name.
        let behind = at.checked_sub(1).and_then(|before| self.sql.get(before));
        if self.dollars_are_letters || matches!(behind, Some(b'@' | b'.')) {
            return None;
        }
        let end = body.windows(quote.len()).position(|end| end == quote);
        self.dollars_are_letters = end.is_none();
        end.map(|end| end + 2 * quote.len())
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            let at = self.at;
            let rest = self.sql.get(at..)?;
            let behind_word = std::mem::take(&mut self.behind_word);
            let mut token = None;
            self.at += match *rest {
                [] => return None,
                [quote @ (b'\'' | b'"'), ..] => quoted(rest, quote, true),
                [b'`', ..] => quoted(rest, b'`', false),
                // What servers execute although others take it for a comment.
                [b'/', b'*', b'!', ..] => 3,
                [b'/', b'*', b'M', b'!', ..] => 4,
                [b'/', b'*', ref text @ ..] => {
                    text.windows(2).position(|end| end == b"*/").map_or(rest.len(), |end| end + 4)
                }
                [b'#', ..] | [b'-', b'-'] | [b'-', b'-', 0..=b' ' | 0x7F, ..] => {
                    rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len())
                }
                [b'?', ..] => {
                    token = Some(Token::Mark);
                    1
                }
                [b';', ..] => {
                    token = Some(Token::Semicolon);
                    1
                }
                [b':', b':' | b'=', ..] => 2,
                [b':', first, ref name @ ..] if is_letter(first) && !behind_word => {
                    let length = 2 + name.iter().take_while(|&&byte| is_name(byte)).count();
                    token = Some(Token::Name(at + 1..at + length));
                    length
                }
                [first, ..] if is_word(first) => match self.dollar_quoted(at, rest) {
                    Some(length) => length,
                    None => {
                        self.behind_word = true;
                        let length = rest.iter().take_while(|&&byte| is_word(byte)).count();
                        token = Some(Token::Word(at..at + length));
                        length
                    }
                },
                _ => 1,
            };
            if token.is_some() {
                return token;
            }
        }
    }
}

/// The length of what a quote begins; a doubled quote begins the next one.
fn quoted(text: &[u8], quote: u8, escapes: bool) -> usize {
    let mut at = 1;
    while let Some(&byte) = text.get(at) {
        at += if byte == b'\\' && escapes { 2 } else { 1 };
        if byte == quote {
            break;
        }
    }
    at.min(text.len())
}

const fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii()
}

const fn is_name(byte: u8) -> bool {
    is_letter(byte) || byte.is_ascii_digit()
}

const fn is_word(byte: u8) -> bool {
    is_name(byte) || byte == b'$'
}

#[cfg(all(test, any(feature = "tokio", feature = "blocking")))]
mod tests {
    use super::*;

    #[test]
    fn what_can_choose_a_database() {
        for sql in [
            "USE a",
            " use`a`",
            "/* ; */ -- x\n#\nUse a",
            "/*!40000 USE a */",
            "/*!40000USE a */",
            "/*M!USE a */",
            "SELECT 1; USE a",
            "SELECT ';';;use a",
            "DROP DATABASE a",
            "drop /* the */ schema if exists a",
            "EXECUTE s",
            "EXECUTE IMMEDIATE 'USE a'",
            "SELECT $$ ; USE a",
            "SELECT $a; USE b; SELECT $a$",
            "SELECT @$a$; USE b; SELECT @$a$",
            "SELECT t.$a$ FROM t; USE b; SELECT t.$a$ FROM t",
            "SELECT a$b$; USE b; SELECT a$b$",
            "CREATE FUNCTION f() RETURNS INT LANGUAGE JAVASCRIPT AS $a$ 1 $A$ $a$; USE b",
        ] {
            assert!(can_choose_database(sql), "{sql}");
        }
        for sql in [
            "",
            ";",
            "SELECT 1",
            "SELECT a FROM t USE INDEX (b)",
            "INSERT INTO t VALUES ('a; USE b')",
            "SELECT `; USE b`",
            "SELECT 1 /* ; USE b */ -- ; USE b",
            "DROP TABLE database_names",
            "CREATE FUNCTION f() RETURNS INT LANGUAGE JAVASCRIPT AS $$ 1; USE b $$",
            "CREATE FUNCTION f() RETURNS INT LANGUAGE JAVASCRIPT AS $_1ä$ $$; USE b; $_1ä$",
            "USER",
            "used",
        ] {
            assert!(!can_choose_database(sql), "{sql}");
        }
    }

    #[test]
    fn what_changes_rows() {
        for sql in [
            "INSERT INTO t VALUES (?)",
            "-- SET\n (update t set a = ?)",
            "/*!50000 REPLACE */",
            "delete",
        ] {
            assert!(changes_rows(sql), "{sql}");
        }
        for sql in
            ["", "CALL p(?)", "SET @a = ?", "DO ?", "WITH a AS (SELECT ?) SELECT 1", "inserted"]
        {
            assert!(!changes_rows(sql), "{sql}");
        }
    }
}
