//! Rows and columns that are not what they should be.

use mywire::error::{ProtocolErrorKind as Kind, ValueError};
use mywire::wire::{ColumnDefinition, ColumnFlags, ColumnType};
use mywire::{Error, OwnedRow};

use crate::scripted::*;

/// The reason of a column error; the error must leave the session alone.
fn reason(error: &Error) -> ValueError {
    assert!(!error.is_fatal(), "{error}");
    match error {
        Error::Column(error) => error.reason(),
        other => panic!("no column error: {other}"),
    }
}

/// A result set of one row, of its own.
async fn one_row(
    columns: Vec<ColumnDefinition<'static>>,
    cells: Vec<Option<&'static [u8]>>,
) -> OwnedRow {
    let (mut session, script) =
        replying(move |reply| reply.columns(&columns).row_of(&cells).end()).await;
    let mut rows = session.query("SELECT", ()).await.unwrap();
    let row = rows.next().await.unwrap().expect("a row").to_owned();
    assert!(rows.next().await.unwrap().is_none());
    assert_in_step(&mut session).await;
    drop(session);
    script.done().await;
    row
}

#[test]
fn e72_the_ends_of_every_integer() {
    run(async {
        let unsigned = |name, column_type| ColumnDefinition {
            flags: ColumnFlags::UNSIGNED,
            ..column(name, column_type)
        };
        let columns = vec![
            unsigned("a", ColumnType::LONGLONG),
            unsigned("b", ColumnType::TINY),
            column("c", ColumnType::TINY),
            column("d", ColumnType::LONGLONG),
        ];
        let cells: [&[u8]; 4] = [b"18446744073709551615", b"255", b"-128", b"-9223372036854775808"];
        let row = one_row(columns, cells.map(Some).to_vec()).await;
        let (a, b, c, d): (u64, u8, i8, i64) = row.decode().unwrap();
        assert_eq!((a, b, c, d), (u64::MAX, u8::MAX, i8::MIN, i64::MIN));
        assert_eq!(reason(&row.get::<i64>("a").unwrap_err()), ValueError::Range);
        assert_eq!(reason(&row.get::<i8>("b").unwrap_err()), ValueError::Range);
        assert_eq!(reason(&row.get::<u8>("c").unwrap_err()), ValueError::Range);
    });
}

#[test]
fn e75_t53_t54_odd_names_are_kept_as_they_are() {
    run(async {
        let odd =
            |catalog, name| ColumnDefinition { catalog, name, ..column("", ColumnType::LONG) };
        let columns = vec![
            odd(b"", b"\xFF\xFE"),
            odd(b"std", b""),
            odd(b"def", b"twice"),
            odd(b"def", b"twice"),
            odd(b"def", b"__proto__"),
            odd(b"\xFF", b"a\0b\n`"),
        ];
        let cells: [&[u8]; 6] = [b"0", b"1", b"2", b"3", b"4", b"5"];
        let row = one_row(columns, cells.map(Some).to_vec()).await;
        let names: Vec<&[u8]> = row.columns().iter().map(|column| column.name_bytes()).collect();
        assert_eq!(names[0], b"\xFF\xFE");
        assert_eq!(row.columns().get(0).unwrap().name(), "\u{FFFD}\u{FFFD}");
        assert_eq!(row.get::<i32>("").unwrap(), 1);
        // The first of two.
        assert_eq!(row.get::<i32>("twice").unwrap(), 2);
        assert_eq!(row.get::<i32>("__proto__").unwrap(), 4);
        assert_eq!(row.get::<i32>("a\0b\n`").unwrap(), 5);
        let error = row.get::<i32>("absent").unwrap_err().to_string();
        assert!(!error.contains(['\0', '\n']), "{error}");
    });
}

#[test]
fn t54_text_that_is_not_utf8_fails_by_cell_and_is_there_as_bytes() {
    run(async {
        let columns =
            vec![column("a", ColumnType::VAR_STRING), column("b", ColumnType::VAR_STRING)];
        let row = one_row(columns, vec![Some(b"ok"), Some(b"\xFF\xC3")]).await;
        assert_eq!(row.get::<&str>("a").unwrap(), "ok");
        assert_eq!(reason(&row.get::<&str>("b").unwrap_err()), ValueError::Utf8);
        assert_eq!(reason(&row.decode::<(String, String)>().unwrap_err()), ValueError::Utf8);
        assert_eq!(row.get::<&[u8]>("b").unwrap(), b"\xFF\xC3");
    });
}

#[test]
fn e76_t50_a_row_shorter_or_longer_than_its_columns_is_an_error() {
    let payloads: [&[u8]; 5] =
        [b"\x011", b"\x011\x01", b"\x011\x012\x013", b"\x00", b"\x011\x05ab"];
    for payload in payloads {
        run(async move {
            let (mut session, script) = replying(move |reply| {
                let n = |name| column(name, ColumnType::LONGLONG);
                reply.columns(&[n("a"), n("b")]).payload(payload).row(&["3", "4"]).end()
            })
            .await;
            let mut rows = session.query("SELECT", ()).await.unwrap();
            let row = rows.next().await.unwrap().expect("a row");
            let error = row.decode::<(Option<u64>, Option<u64>)>().unwrap_err();
            let shown = error.to_string();
            match &error {
                Error::Protocol(error) => assert!(matches!(error.kind(), Kind::Malformed(_))),
                Error::Column(_) => {}
                other => panic!("{other}"),
            }
            assert!(row.iter().any(|value| value.is_err()), "{shown}");
            // Packets frame the rows, so the next one is right.
            let row = rows.next().await.unwrap().expect("a second row");
            assert_eq!(row.decode::<(u64, u64)>().unwrap(), (3, 4));
            assert!(rows.next().await.unwrap().is_none());
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn e77_a_type_that_nobody_knows_is_bytes() {
    for code in [17, 200, 241] {
        run(async move {
            let row = one_row(vec![column("x", ColumnType(code))], vec![Some(b"\x01ab")]).await;
            assert_eq!(row.get::<&[u8]>(0).unwrap(), b"\x01ab");
            assert_eq!(row.as_row().raw(0).unwrap(), Some(&b"\x01ab"[..]));
            assert_eq!(reason(&row.get::<u64>(0).unwrap_err()), ValueError::Type);
            assert_eq!(row.columns().get(0).unwrap().type_name(), "unknown type");
        });
    }
}

#[test]
fn e78_select_null() {
    run(async {
        let row = one_row(vec![column("NULL", ColumnType::NULL)], vec![None]).await;
        assert_eq!(row.get::<Option<u64>>(0).unwrap(), None);
        assert_eq!(row.get::<Option<&str>>("NULL").unwrap(), None);
        assert_eq!(reason(&row.get::<u64>(0).unwrap_err()), ValueError::Null);
    });
}

#[test]
fn r32_a_definition_that_breaks_off_ends_the_session() {
    let mut definition = Vec::new();
    let capabilities = mywire::wire::Capabilities::NONE;
    column("n", ColumnType::LONGLONG).encode(capabilities, &mut definition);
    for length in 1..definition.len() {
        let cut = definition[..length].to_vec();
        run(async move {
            let (mut session, script) =
                replying(move |reply| reply.payload(&[1]).payload(&cut).row(&["1"]).end()).await;
            let error = session.fetch_one::<u64>("SELECT n", ()).await.unwrap_err();
            assert!(matches!(error, Error::Protocol(_)), "{error}");
            assert_dead(&mut session, &script).await;
            script.abandon();
        });
    }
}
