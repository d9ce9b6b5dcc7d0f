//! SQL goes to the server as it was given and values go apart from it, so that no rule of quoting,
//! escaping or character sets is the client's to know.

use crate::each_server;
use crate::target::usable;

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
