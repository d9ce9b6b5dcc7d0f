//! Parameters by name: `:name` in SQL, `?` for the server.

use crate::error::{Result, UsageError};
use crate::params::Params;
use crate::sql::{Token, Tokens};
use crate::value::ToValue;

/// SQL with parameters by name, parsed once and used with any session.
///
/// ```no_run
/// # async fn example(session: &mut mywire::Session) -> mywire::Result<()> {
/// use mywire::NamedSql;
///
/// let sql = NamedSql::parse("SELECT name FROM users WHERE id = :id OR parent = :id")?;
/// let names: Vec<String> = session.fetch_all(&sql, sql.bind(&[("id", &7)])?).await?;
/// # let _ = names;
/// # Ok(())
/// # }
/// ```
///
/// A name is a colon, then a letter or `_`, then letters, digits and `_`; letters count as they
/// are. There are none in strings, quoted identifiers, comments and what stands between two `$$` or
/// `$tag$` (routines in other languages, MySQL), whereas the text of `/*! */` and `/*M! */` is SQL;
/// `::`, `:=` and a colon right behind a word begin none. A backslash escapes in
/// strings: names behind strings that hold one may be misunderstood under the SQL mode
/// `NO_BACKSLASH_ESCAPES`, and under `ANSI_QUOTES` those behind an identifier like `"a\"`, which then
/// ends in an error, and on MariaDB, which has no `$$`, those between two names like `$a$`; values never
/// become SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedSql {
    sql: Box<str>,
    /// Each name once, in the order of their first places.
    names: Vec<Box<str>>,
    /// For each `?` the place of its name in `names`.
    order: Vec<usize>,
}

/// The parameters of a [`NamedSql`], in the order of its places.
#[derive(Clone, Copy)]
pub struct NamedParams<'p> {
    order: &'p [usize],
    names: &'p [Box<str>],
    given: &'p [Given<'p>],
}

type Given<'p> = (&'p str, &'p (dyn ToValue + Sync));

impl NamedSql {
    /// Finds the names. Cost: looks at each byte once.
    ///
    /// Fails if there are both names and `?`.
    pub fn parse(sql: &str) -> Result<Self> {
        let mut text = String::with_capacity(sql.len());
        let mut names: Vec<Box<str>> = Vec::new();
        let mut order = Vec::new();
        let mut copied = 0;
        let mut marks = false;
        for token in Tokens::new(sql.as_bytes()) {
            let range = match token {
                Token::Name(range) => range,
                Token::Mark => {
                    marks = true;
                    continue;
                }
                Token::Word(_) | Token::Semicolon => continue,
            };
            // The colon belongs to the name's place.
            text.push_str(sql.get(copied..range.start - 1).unwrap_or_default());
            text.push('?');
            copied = range.end;
            let name = sql.get(range).unwrap_or_default();
            let known = names.iter().position(|known| **known == *name);
            order.push(known.unwrap_or(names.len()));
            if known.is_none() {
                names.push(name.into());
            }
        }
        if marks && !names.is_empty() {
            return Err(UsageError::MixedParameters.into());
        }
        text.push_str(sql.get(copied..).unwrap_or_default());
        Ok(Self { sql: text.into(), names, order })
    }

    /// The SQL for the server, with `?` in the names' places.
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The names, each once, in the order in which they first appear.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// The parameters, which serve for a statement prepared from [`sql`](Self::sql) as well. Cost:
    /// no allocation.
    ///
    /// Fails unless each name is given once, and no other.
    pub fn bind<'p>(&'p self, given: &'p [Given<'p>]) -> Result<NamedParams<'p>> {
        for (name, _) in given {
            if !self.names().any(|known| known == *name) {
                let names: Vec<_> = self.names().map(|name| format!("`:{name}`")).collect();
                let names = if names.is_empty() { "none".into() } else { names.join(", ").into() };
                return Err(UsageError::UnknownParameter { name: (*name).into(), names }.into());
            }
        }
        for name in &self.names {
            let given = given.iter().filter(|(given, _)| **given == **name).count();
            if given != 1 {
                return Err(UsageError::NamedParameter { name: name.clone(), given }.into());
            }
        }
        Ok(NamedParams { order: &self.order, names: &self.names, given })
    }
}

impl Params for NamedParams<'_> {
    fn count(&self) -> usize {
        self.order.len()
    }

    fn visit(&self, visit: &mut dyn FnMut(&dyn ToValue) -> Result<()>) -> Result<()> {
        for &index in self.order {
            let name = self.names.get(index).map_or("", |name| name);
            let value =
                self.given.iter().find_map(|&(given, value)| (given == name).then_some(value));
            if let Some(value) = value {
                visit(value)?;
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for NamedParams<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values are not for logs.
        f.debug_struct("NamedParams").field("names", &self.names).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Error;

    fn parsed(sql: &str) -> (String, Vec<String>) {
        let named = NamedSql::parse(sql).unwrap();
        let list = named.order.iter().map(|&index| named.names[index].to_string()).collect();
        (named.sql.into(), list)
    }

    fn usage<T>(result: Result<T>) -> UsageError {
        match result {
            Err(Error::Usage(error)) => error,
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("no error came"),
        }
    }

    #[test]
    fn names_become_marks() {
        for (sql, rewritten, names) in [
            ("SELECT :a", "SELECT ?", &["a"][..]),
            ("(:a,:b_2,:a)", "(?,?,?)", &["a", "b_2", "a"]),
            (":ä + :_", "? + ?", &["ä", "_"]),
            ("x=:x-:y/*:z*/", "x=?-?/*:z*/", &["x", "y"]),
            (
                "/*! :a */ /*!80000 :b*/ /*M! :c */",
                "/*! ? */ /*!80000 ?*/ /*M! ? */",
                &["a", "b", "c"],
            ),
            ("1--:a", "1--?", &["a"]),
            ("-- :a\n:b", "-- :a\n?", &["b"]),
            ("# :a\n:b", "# :a\n?", &["b"]),
            ("'it''s :a' :b", "'it''s :a' ?", &["b"]),
            (r"'\':a' :b", r"'\':a' ?", &["b"]),
            (r"`\`:b", r"`\`?", &["b"]),
            ("\"a\\\":x\"\":y\" :b", "\"a\\\":x\"\":y\" ?", &["b"]),
            ("/*/ :a */:b", "/*/ :a */?", &["b"]),
            ("N'é':b", "N'é'?", &["b"]),
            ("$$ :a ' $$:b", "$$ :a ' $$?", &["b"]),
            ("$t$ :a $$ :b $T$ $t$ :c", "$t$ :a $$ :b $T$ $t$ ?", &["c"]),
            // A `$$` without an end is no beginning, on any server that goes on.
            ("$t$ :a", "$t$ ?", &["a"]),
            ("$t$ :a $$ :b $$ :c", "$t$ ? $$ ? $$ ?", &["a", "b", "c"]),
            ("@$a$ = :b, @$a$", "@$a$ = ?, @$a$", &["b"]),
            ("$a.b$ :c $a.b$", "$a.b$ ? $a.b$", &["c"]),
        ] {
            let names: Vec<String> = names.iter().map(|&name| name.into()).collect();
            assert_eq!(parsed(sql), (rewritten.into(), names), "{sql}");
        }
    }

    #[test]
    fn what_is_no_name_stays() {
        for sql in [
            "",
            ":",
            "a:b",
            "a::b",
            "@a:=b",
            "::a",
            ":1",
            ": a",
            "':a",
            "`:a",
            "/*:a",
            "-- :a",
            "--\t:a",
            "--",
            "# :a",
            "\":a",
            "'\\",
            "/*+ :a */",
            "a$:b",
            "$$:a$$",
            "$$ :a ? ' $$",
        ] {
            assert_eq!(parsed(sql), (sql.into(), Vec::new()), "{sql}");
        }
    }

    #[test]
    fn every_name_is_given_once() {
        let sql = NamedSql::parse("SELECT :a, :b, :a").unwrap();
        assert_eq!(sql.names().collect::<Vec<_>>(), ["a", "b"]);
        let error = usage(sql.bind(&[("a", &1), ("b", &2), ("c", &3)]));
        assert_eq!(error.to_string(), "the statement has no parameter `:c`; there are: `:a`, `:b`");
        let error = usage(sql.bind(&[("a", &1)]));
        assert_eq!(error, UsageError::NamedParameter { name: "b".into(), given: 0 });
        let error = usage(sql.bind(&[("a", &1), ("b", &2), ("b", &2)]));
        assert_eq!(error, UsageError::NamedParameter { name: "b".into(), given: 2 });
        assert_eq!(usage(NamedSql::parse("SELECT :a, ?")), UsageError::MixedParameters);
        assert_eq!(NamedSql::parse("SELECT ?, ':a'").unwrap().sql(), "SELECT ?, ':a'");
    }

    #[test]
    fn values_come_in_the_order_of_their_places() {
        let sql = NamedSql::parse("SELECT :b, :a, :b").unwrap();
        let given: [Given<'_>; 2] = [("a", &1_u8), ("b", &"two")];
        let params = sql.bind(&given).unwrap();
        let mut seen = Vec::new();
        params
            .visit(&mut |value| {
                value.write(&mut seen).unwrap();
                Ok(())
            })
            .unwrap();
        assert_eq!((params.count(), &seen[..]), (3, &b"\x03two\x01\x03two"[..]));
    }

    proptest! {
        #[test]
        fn any_text_is_parsed(sql in any::<String>()) {
            let _ = NamedSql::parse(&sql);
        }

        #[test]
        fn sql_like_text_is_parsed(sql in "[-:?'\"`\\\\/*!#a=\\n ä$]{0,40}") {
            let Ok(named) = NamedSql::parse(&sql) else { return Ok(()) };
            let mut back = named.sql().to_owned();
            if !named.order.is_empty() {
                // Only the names' places are marks outside of strings: with the names put back, it
                // is the same text.
                back.clear();
                let mut names = named.order.iter().map(|&index| &named.names[index]);
                let mut copied = 0;
                let mut tokens = Tokens::new(named.sql().as_bytes());
                while let Some(token) = tokens.next() {
                    if token != Token::Mark {
                        continue;
                    }
                    back.push_str(&named.sql()[copied..tokens.at - 1]);
                    back.push(':');
                    back.push_str(names.next().unwrap());
                    copied = tokens.at;
                }
                prop_assert!(names.next().is_none());
                back.push_str(&named.sql()[copied..]);
            }
            prop_assert_eq!(back, sql);
        }

        #[test]
        fn text_without_colons_is_unchanged(sql in "[^:]*") {
            let named = NamedSql::parse(&sql).unwrap();
            prop_assert_eq!(named.sql(), sql);
            prop_assert_eq!(named.names().len(), 0);
        }
    }
}
