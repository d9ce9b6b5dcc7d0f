//! SQL goes to the server as it was given and values go apart from it, so that no rule of quoting,
//! escaping or character sets is the client's to know.

use mywire::NamedSql;

use crate::each_server;
use crate::target::{code, usable};

/// What breaks out of literals where a client writes values into the SQL.
const BREAKOUTS: [&[u8]; 6] = [
    b"' OR 1=1 -- ",
    b"\\' OR 1=1 -- ",
    b"\xBF\x27 OR 1=1 -- ",
    b"\xBF\x5C\x27 OR 1=1 -- ",
    b"\" OR \"\"=\"\x00\x1A",
    b"`; DROP TABLE t; -- ?",
];

#[test]
fn t70_t71_t72_values_are_values_in_every_mode_and_character_set() {
    each_server(async |target| {
        let mut session = target.session().await;
        for mode in ["", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES"] {
            session.execute(&format!("SET sql_mode = '{mode}'"), ()).await.unwrap();
            for charset in ["utf8mb4", "gbk", "big5", "sjis", "cp932"] {
                session.execute(&format!("SET NAMES {charset}"), ()).await.unwrap();
                for value in BREAKOUTS {
                    // As bytes: nobody may take them for text of another character set.
                    let hex: String =
                        session.fetch_one("SELECT HEX(CAST(? AS BINARY))", (value,)).await.unwrap();
                    let expected: String = value.iter().map(|byte| format!("{byte:02X}")).collect();
                    assert_eq!(hex, expected, "{mode}, {charset}");
                }
            }
        }
        session.execute("SET NAMES utf8mb4", ()).await.unwrap();
        usable(&mut session).await;
    });
}

#[test]
fn t73_the_server_counts_the_placeholders() {
    each_server(async |target| {
        let mut session = target.session().await;
        for (sql, parameters) in [
            ("SELECT '?', \"?\", ?", 1),
            ("SELECT 1 /* ? */, ? -- ?\n, ? # ?", 2),
            ("SELECT 1--?", 1),
            ("SELECT 1 /*! , ? */", 1),
            ("SELECT '\\'?', 'it''s ?', ?", 1),
            ("SELECT 1 AS `?`, ? AS `a``?`", 1),
        ] {
            let statement = session.prepare(sql).await.unwrap();
            assert_eq!(statement.parameters(), parameters, "{sql}");
        }
        usable(&mut session).await;
    });
}

/// MySQL's routines in other languages: what stands between two `$$` or `$tag$` is neither SQL nor has it
/// names or `?`.
#[test]
fn t73_what_stands_between_dollars_stays() {
    each_server(async |target| {
        let mut session = target.session().await;
        target.database(&mut session).await;
        for (name, body, quote) in [
            ("plain", " return a ? 1 :zero; // it's", "$$"),
            ("tagged", " return `$x` + '$$' + a ? :b : \"?\"; /* ", "$_js1ä$"),
        ] {
            let sql = format!(
                "CREATE FUNCTION {name}(a INT) RETURNS INT NO SQL DETERMINISTIC LANGUAGE JAVASCRIPT AS \
                 {quote}{body}{quote}"
            );
            let named = NamedSql::parse(&sql).unwrap();
            assert_eq!((named.sql(), named.names().len()), (&*sql, 0));
            let created = session.execute(&named, ()).await;
            if session.is_mariadb() {
                assert_eq!(code(created), 1064);
                continue;
            }
            created.unwrap();
            let kept: String = session
                .fetch_one(
                    "SELECT ROUTINE_DEFINITION FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = \
                     DATABASE() AND ROUTINE_NAME = ?",
                    (name,),
                )
                .await
                .unwrap();
            assert_eq!(kept, body);
        }
        // A variable or a part of a name begins nothing.
        let named =
            NamedSql::parse("SELECT CONCAT(@$a$, :x, @$a$), t.$a$ FROM (SELECT :y AS `$a$`) t")
                .unwrap();
        assert_eq!(named.names().collect::<Vec<_>>(), ["x", "y"]);
        session.execute("SET @$a$ = 'v'", ()).await.unwrap();
        let params = named.bind(&[("x", &"-"), ("y", &"w")]).unwrap();
        let row: (String, String) = session.fetch_one(&named, params).await.unwrap();
        assert_eq!(row, ("v-v".into(), "w".into()));
        usable(&mut session).await;
    });
}
