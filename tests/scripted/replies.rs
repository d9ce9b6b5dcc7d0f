//! Replies: OK packets, errors, result sets in both EOF modes, and what only looks like them.

use mywire::error::{ProtocolErrorKind as Kind, ServerErrorKind};
use mywire::proto::{Login, Step};
use mywire::wire::{
    Capabilities, ColumnType, Greeting, OkPacket, ProgressReport, SessionState, StateChange,
    StatusFlags,
};
use mywire::{Error, Sent};

use crate::scripted::*;

/// Both ends of rows: with `DEPRECATE_EOF`, and without.
fn eof_modes() -> [Greeting<'static>; 4] {
    let old = |greeting: Greeting<'static>| {
        let capabilities = greeting.capabilities.without(Capabilities::DEPRECATE_EOF);
        Greeting { capabilities, ..greeting }
    };
    [mysql(), mariadb(), old(mysql()), old(mariadb())]
}

fn number() -> [mywire::wire::ColumnDefinition<'static>; 1] {
    [column("n", ColumnType::LONGLONG)]
}

fn protocol_kind(error: &Error) -> Kind {
    match error {
        Error::Protocol(error) => error.kind(),
        other => panic!("no protocol error: {other}"),
    }
}

#[test]
fn e47_result_sets_in_both_eof_modes() {
    for greeting in eof_modes() {
        run(async move {
            let (mut session, script) =
                replying_as(greeting, |reply| reply.numbers([1, 2, 3])).await;
            let all: Vec<u64> = session.fetch_all("SELECT n", ()).await.unwrap();
            assert_eq!(all, [1, 2, 3]);
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn e47_the_other_modes_packets_are_no_rows_and_no_definitions() {
    // An EOF behind the definitions although none was agreed on: it ends an empty result, and the
    // rows behind it are unasked for.
    run(async {
        let (mut session, script) = replying(|reply| {
            reply.columns(&number()).eof(StatusFlags::AUTOCOMMIT).row(&["1"]).end()
        })
        .await;
        let first = session.fetch_all::<u64>("SELECT n", ()).await;
        assert!(first.as_ref().map_or(true, Vec::is_empty), "{first:?}");
        let error = session.ping().await.unwrap_err();
        assert!(matches!(protocol_kind(&error), Kind::Unsolicited | Kind::OutOfOrder { .. }));
        assert_dead(&mut session, &script).await;
        script.abandon();
    });
    // No EOF behind the definitions although it was: a row is not taken for it.
    let [_, _, old, _] = eof_modes();
    run(async move {
        let (mut session, script) = replying_as(old, |reply| {
            reply.payload(&[1]).payload(&definition(&number()[0])).row(&["1"]).end()
        })
        .await;
        let error = session.fetch_all::<u64>("SELECT n", ()).await.unwrap_err();
        assert!(matches!(protocol_kind(&error), Kind::Malformed(_)), "{error}");
        assert_dead(&mut session, &script).await;
        script.abandon();
    });
}

fn definition(column: &mywire::wire::ColumnDefinition<'_>) -> Vec<u8> {
    let mut payload = Vec::new();
    column.encode(Capabilities::NONE, &mut payload);
    payload
}

#[test]
fn e43_a_terminator_may_be_long() {
    run(async {
        let (mut session, script) = replying(|reply| {
            let mut state = Vec::new();
            StateChange::Schema(b"shop").encode(&mut state);
            let end = OkPacket {
                warnings: 2,
                info: b"Records: 1  Duplicates: 0  Warnings: 2, and more to say than nine bytes",
                session_state: SessionState::decode(&state).unwrap(),
                ..ok_status(StatusFlags::SESSION_STATE_CHANGED)
            };
            reply.columns(&number()).row(&["1"]).end_with(&end)
        })
        .await;
        let done = session.execute("SELECT n", ()).await.unwrap();
        assert_eq!(done.warnings, 2);
        assert!(done.info.starts_with("Records: 1"));
        assert_eq!(session.database(), Some("shop"));
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

#[test]
fn e44_t52_a_row_of_sixteen_mebibytes_begins_like_a_terminator() {
    for greeting in eof_modes() {
        for skipped in [false, true] {
            run(async move {
                let cell = vec![b'z'; 1 << 24];
                let (mut session, script) = replying_as(greeting, move |reply| {
                    let blob = column("b", ColumnType::LONG_BLOB);
                    reply.columns(&[blob]).row_of(&[Some(&cell)]).row_of(&[Some(b"2")]).end()
                })
                .await;
                let mut rows = session.query("SELECT b", ()).await.unwrap();
                if skipped {
                    rows.finish().await.unwrap();
                } else {
                    let row = rows.next().await.unwrap().expect("a long row");
                    assert_eq!(row.payload()[0], 0xFE);
                    assert_eq!(row.raw(0).unwrap().map(<[u8]>::len), Some(1 << 24));
                    let row = rows.next().await.unwrap().expect("a short row");
                    assert_eq!(row.raw(0).unwrap(), Some(&b"2"[..]));
                    assert!(rows.next().await.unwrap().is_none());
                }
                assert_in_step(&mut session).await;
                drop(session);
                script.done().await;
            });
        }
    }
}

#[test]
fn e45_t52_rows_may_begin_like_an_ok_or_a_file_request() {
    for greeting in eof_modes() {
        run(async move {
            let (mut session, script) = replying_as(greeting, |reply| {
                let text = column("s", ColumnType::VAR_STRING);
                reply.columns(&[text]).row(&[""]).row_of(&[None]).row(&["x"]).end()
            })
            .await;
            let all: Vec<Option<String>> = session.fetch_all("SELECT s", ()).await.unwrap();
            assert_eq!(all, [Some(String::new()), None, Some("x".into())]);
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn e46_r23_an_old_eof_ends_rows_whatever_was_agreed_on() {
    run(async {
        let (mut session, script) = replying(|reply| {
            let reply = reply.columns(&number()).row(&["1"]).row(&["2"]);
            reply.eof(StatusFlags::AUTOCOMMIT.with(StatusFlags::NO_INDEX))
        })
        .await;
        let all: Vec<u64> = session.fetch_all("SELECT n", ()).await.unwrap();
        assert_eq!(all, [1, 2]);
        assert!(session.status().contains(StatusFlags::NO_INDEX));
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
    // 6 bytes are neither an EOF nor an OK.
    run(async {
        let (mut session, script) =
            replying(|reply| reply.columns(&number()).payload(b"\xFE\0\0\x02\0\0")).await;
        let error = session.fetch_all::<u64>("SELECT n", ()).await.unwrap_err();
        assert!(matches!(protocol_kind(&error), Kind::Malformed(_)), "{error}");
        assert_dead(&mut session, &script).await;
        script.abandon();
    });
}

#[test]
fn e48_the_info_text_is_the_same_in_every_form() {
    const TEXT: &[u8] = b"Rows matched: 1  Changed: 1  Warnings: 0";
    let capabilities = mysql().capabilities.without(Capabilities::SESSION_TRACK);
    let untracked = Greeting { capabilities, ..mysql() };
    let head = b"\0\x01\0\x02\0\0\0";
    let bare = [&head[..], TEXT].concat();
    let length = u8::try_from(TEXT.len()).unwrap();
    let counted = [&head[..], &[length], TEXT].concat();
    for (greeting, payload) in [(mysql(), counted.clone()), (untracked, counted), (untracked, bare)]
    {
        run(async move {
            let (mut session, script) =
                replying_as(greeting, move |reply| reply.payload(&payload)).await;
            let done = session.execute("UPDATE t", ()).await.unwrap();
            assert_eq!(done.info.as_bytes(), TEXT);
            assert_eq!(done.affected_rows, 1);
            drop(session);
            script.done().await;
        });
    }
    for greeting in [mysql(), untracked] {
        run(async move {
            let (mut session, script) =
                replying_as(greeting, move |reply| reply.payload(head)).await;
            assert_eq!(session.execute("UPDATE t", ()).await.unwrap().info, "");
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn e49_session_state_known_unknown_and_broken() {
    let ok_with_state = |state: Vec<u8>| {
        move |reply: Packets| {
            let mut payload = b"\0\0\0\x02\x40\0\0\0".to_vec();
            payload.push(u8::try_from(state.len()).unwrap());
            payload.extend_from_slice(&state);
            reply.payload(&payload)
        }
    };
    run(async move {
        // An unknown kind, two variables in one block with a NULL, and the schema.
        let state = b"\x63\x03abc\x00\x08\x01a\x02on\x01b\xFB\x01\x05\x04shop".to_vec();
        let (mut session, script) = replying(ok_with_state(state)).await;
        let done = session.execute("USE shop", ()).await.unwrap();
        let changes: Vec<_> =
            done.session_state().changes().collect::<Result<Vec<_>, _>>().unwrap();
        assert!(matches!(changes[0], StateChange::Unknown { data: b"abc", .. }));
        let variable = |name, value| StateChange::SystemVariable { name, value };
        assert_eq!(changes[1], variable(b"a", Some(b"on")));
        assert_eq!(changes[2], variable(b"b", None));
        assert_eq!(changes[3], StateChange::Schema(b"shop"));
        assert_eq!(session.database(), Some("shop"));
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
    for broken in [&b"\x01\x05\x04sho"[..], b"\x01", b"\x00\x09\x01a", b"\x01\x02\x09s"] {
        let broken = broken.to_vec();
        run(async move {
            let (mut session, script) = replying(ok_with_state(broken)).await;
            let error = session.execute("USE shop", ()).await.unwrap_err();
            assert!(matches!(protocol_kind(&error), Kind::Malformed(_)), "{error}");
            assert_dead(&mut session, &script).await;
            script.abandon();
        });
    }
}

#[test]
fn e50_counters_reach_the_last_value() {
    run(async {
        let (mut session, script) = replying(|reply| {
            reply.ok_with(&OkPacket {
                affected_rows: u64::MAX,
                last_insert_id: u64::MAX,
                warnings: u16::MAX,
                ..ok()
            })
        })
        .await;
        let done = session.execute("INSERT", ()).await.unwrap();
        assert_eq!((done.affected_rows, done.last_insert_id), (u64::MAX, u64::MAX));
        // E-100: saturated warnings are told, and nobody asks what they are.
        assert_eq!((done.warnings, session.warnings()), (u16::MAX, u16::MAX));
        let written = script.wire.len();
        assert_in_step(&mut session).await;
        assert_eq!(script.wire.len() - written, 4 + 1 + b"marker".len());
        drop(session);
        script.done().await;
    });
}

#[test]
fn e51_t35_odd_error_packets_are_short_sentences_or_protocol_errors() {
    for payload in [&b"\xFF"[..], b"\xFF\x10"] {
        run(async move {
            let (mut session, script) = replying(move |reply| reply.payload(payload)).await;
            let error = session.execute("SELECT", ()).await.unwrap_err();
            assert!(matches!(protocol_kind(&error), Kind::Malformed(_)), "{error}");
            assert_dead(&mut session, &script).await;
            script.abandon();
        });
    }
    let long = [b"\xFF\x28\x04#42000", &[b'm'; 10 << 20][..]].concat();
    for (payload, code, state) in [
        (b"\xFF\x28\x04".to_vec(), 1064, "HY000"),
        (b"\xFF\x28\x04#420".to_vec(), 1064, "HY000"),
        (b"\xFF\x28\x04#42000\xFF\xFE near".to_vec(), 1064, "42000"),
        (b"\xFF\x28\x04#\xFF\xFE\n\0\x1b".to_vec(), 1064, "HY000"),
        (long, 1064, "42000"),
    ] {
        run(async move {
            let (mut session, script) = replying(move |reply| reply.payload(&payload)).await;
            let error = session.execute("SELECT", ()).await.unwrap_err();
            let server = error.as_server().expect("an error of the server");
            assert_eq!((server.code(), server.sqlstate()), (code, state));
            assert!(server.message().len() <= 4 << 10);
            let shown = error.to_string();
            assert!(!shown.contains(['\n', '\0', '\x1b']), "{shown}");
            assert!(!error.is_fatal());
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn e52_t92_an_error_after_three_rows_comes_after_three_rows() {
    for greeting in eof_modes() {
        run(async move {
            let (mut session, script) = replying_as(greeting, |reply| {
                let reply = reply.columns(&number()).row(&["1"]).row(&["2"]).row(&["3"]);
                reply.err(1317, "Query execution was interrupted")
            })
            .await;
            let mut rows = session.query("SELECT n", ()).await.unwrap();
            for n in 1..=3_u64 {
                assert_eq!(rows.next().await.unwrap().unwrap().decode::<u64>().unwrap(), n);
            }
            let error = rows.next().await.unwrap_err();
            assert_eq!(error.as_server().unwrap().kind(), ServerErrorKind::Killed);
            assert!(!error.is_fatal());
            assert_eq!(error.was_sent(), Sent::Yes);
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

/// A procedure that returns no rows and then fails: having found no row is not the answer.
#[test]
fn t67_an_error_behind_an_empty_result_is_told() {
    for one in [true, false] {
        run(async move {
            let more = ok_status(StatusFlags::AUTOCOMMIT.with(StatusFlags::MORE_RESULTS));
            let (mut session, script) =
                replying(move |reply| reply.columns(&number()).end_with(&more).err(1644, "boom"))
                    .await;
            let error = match one {
                true => session.fetch_one::<u64>("CALL p()", ()).await.unwrap_err(),
                false => session.fetch_optional::<u64>("CALL p()", ()).await.unwrap_err(),
            };
            assert_eq!(error.as_server().unwrap().code(), 1644);
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn e53_an_error_in_a_later_statement_ends_them_all() {
    for greeting in eof_modes() {
        let more = ok_status(StatusFlags::AUTOCOMMIT.with(StatusFlags::MORE_RESULTS));
        run(async move {
            let (mut session, script) = replying_as(greeting, move |reply| {
                let reply = reply.columns(&number()).row(&["1"]).end_with(&more);
                reply.ok_with(&more).err(1064, "syntax")
            })
            .await;
            let mut rows = session.query("SELECT 1; DO 1; SELECT", ()).await.unwrap();
            assert_eq!(rows.next().await.unwrap().unwrap().decode::<u64>().unwrap(), 1);
            assert!(rows.next().await.unwrap().is_none());
            assert!(rows.next_result().await.unwrap());
            assert!(rows.columns().is_empty());
            let error = rows.next_result().await.unwrap_err();
            assert_eq!(error.as_server().unwrap().code(), 1064);
            // Whoever asks again hears it again: a statement that failed never looks complete.
            assert_eq!(rows.next_result().await.unwrap_err().as_server(), error.as_server());
            assert_eq!(rows.next().await.unwrap_err().as_server(), error.as_server());
            assert_eq!(rows.finish().await.unwrap_err().as_server(), error.as_server());
            assert!(!session.status().contains(StatusFlags::MORE_RESULTS));
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
        // Whoever reads the first result only hears of it too (T-67).
        run(async move {
            let (mut session, script) = replying_as(greeting, move |reply| {
                reply.columns(&number()).row(&["1"]).end_with(&more).err(1064, "syntax")
            })
            .await;
            let error = session.fetch_all::<u64>("SELECT 1; SELECT", ()).await.unwrap_err();
            assert_eq!(error.as_server().unwrap().code(), 1064);
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

const REPORT: ProgressReport<'static> =
    ProgressReport { stage: 1, max_stage: 2, progress: 50_000, text: b"copy to tmp table" };

#[test]
fn e54_progress_reports_come_before_the_reply_where_they_are_agreed_on() {
    let mut login = Login::new("app", PASSWORD);
    login.options = Capabilities::MARIADB_PROGRESS;
    let mut bare = Bare::new(login);
    bare.feed(Packets::new(Capabilities::NONE, 0).greeting(&mariadb()).bytes()).unwrap();
    let capabilities = bare.connection.capabilities();
    assert!(capabilities.contains(Capabilities::MARIADB_PROGRESS));
    bare.feed(Packets::new(capabilities, 2).ok().bytes()).unwrap();
    bare.connection.query(b"ALTER TABLE t").unwrap();
    for n in 0..3 {
        let report = Packets::new(capabilities, 1 + n).progress(&REPORT);
        assert_eq!(bare.feed(report.bytes()).unwrap(), [Step::Progress]);
    }
    let result = Packets::new(capabilities, 4).numbers([1]);
    assert_eq!(bare.feed(result.bytes()).unwrap(), [Step::Columns, Step::Row, Step::Done]);
    assert!(bare.connection.is_idle());
    // Reports may stand between rows as well.
    bare.connection.query(b"SELECT").unwrap();
    let reply = Packets::new(capabilities, 1).columns(&number()).progress(&REPORT).row(&["1"]);
    let steps = bare.feed(reply.end().bytes()).unwrap();
    assert_eq!(steps, [Step::Columns, Step::Progress, Step::Row, Step::Done]);
}

#[test]
fn e54_without_the_capability_a_report_is_an_error() {
    run(async {
        let (mut session, script) = replying_as(mariadb(), |reply| reply.progress(&REPORT)).await;
        let error = session.execute("ALTER TABLE t", ()).await.unwrap_err();
        assert_eq!(error.as_server().unwrap().code(), 0xFFFF);
        drop(session);
        script.done().await;
    });
}

#[test]
fn e55_t57_a_clients_number_from_the_server_stays_the_servers() {
    for code in [2006, 2013, 2027, 5001] {
        run(async move {
            let (mut session, script) =
                replying(move |reply| reply.err(code, "Lost connection")).await;
            let error = session.execute("INSERT", ()).await.unwrap_err();
            let server = error.as_server().expect("no local error");
            assert!(server.has_reserved_code());
            assert_eq!(error.was_sent(), Sent::Yes);
            assert!(!error.is_retryable() && !error.is_fatal());
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn e56_t52_a_command_without_rows_takes_an_ok_and_nothing_else() {
    // 0xFE is no reply to these, nor is a result set or a file request (E-93).
    for payload in [&b"\xFE\0\0\x02\0"[..], b"\xFE\0\0\x02\0\0\0", b"\x01", b"\xFB/etc/passwd"] {
        for command in 0..3 {
            run(async move {
                let (mut session, script) = replying(move |reply| reply.payload(payload)).await;
                let error = match command {
                    0 => session.ping().await.unwrap_err(),
                    1 => session.use_database("shop").await.unwrap_err(),
                    _ => session.reset().await.unwrap_err(),
                };
                assert!(matches!(protocol_kind(&error), Kind::Unexpected { .. }), "{error}");
                assert_eq!(session.database(), None);
                assert_dead(&mut session, &script).await;
                script.abandon();
            });
        }
    }
    // Nor is 0xFE one to a statement.
    run(async {
        let (mut session, script) = replying(|reply| reply.payload(b"\xFE\0\0\x02\0")).await;
        let error = session.execute("DO 1", ()).await.unwrap_err();
        assert!(matches!(protocol_kind(&error), Kind::Unexpected { header: 0xFE, .. }));
        assert_dead(&mut session, &script).await;
        script.abandon();
    });
}

#[test]
fn e91_e93_t01_a_request_for_a_file_is_refused_and_nothing_is_sent() {
    for payload in [&b"\xFB/etc/passwd"[..], b"\xFB", b"\xFB../../secret\0\xFF"] {
        run(async move {
            let (mut session, script) = replying(move |reply| reply.payload(payload)).await;
            let error = session.execute("SELECT 1", ()).await.unwrap_err();
            assert_eq!(protocol_kind(&error), Kind::UnsolicitedInfile);
            assert!(error.to_string().contains("nothing was sent"), "{error}");
            // The login and the statement, and nothing after them.
            let last = script.wire.writes().pop().unwrap();
            assert_eq!(last, b"\x09\0\0\0\x03SELECT 1");
            assert_dead(&mut session, &script).await;
            drop(session);
            let wire = script.done().await;
            assert_eq!(wire.writes().pop().unwrap(), last);
        });
    }
    // The capability is not announced in the first place.
    run(async {
        let (stream, script) = serve(|mut server| async move {
            let login = server.login().await;
            let asked = login.request().capabilities;
            assert!(mysql().capabilities.contains(Capabilities::LOCAL_FILES));
            assert!(!asked.contains(Capabilities::LOCAL_FILES));
            assert!(!asked.contains(Capabilities::MULTI_STATEMENTS));
        });
        let session = mywire::Session::from_stream(stream, &config()).await.unwrap();
        script.done().await;
        drop(session);
    });
}

#[test]
fn e58_251_columns_are_no_file_request() {
    for count in [250, 251, 252, 256, 4096] {
        run(async move {
            let (mut session, script) = replying(move |reply| {
                let names: Vec<String> = (0..count).map(|n| format!("c{n}")).collect();
                let columns: Vec<_> =
                    names.iter().map(|name| column(name, ColumnType::LONGLONG)).collect();
                reply.columns(&columns).row(&vec!["7"; count]).end()
            })
            .await;
            let mut rows = session.query("SELECT *", ()).await.unwrap();
            assert_eq!(rows.columns().len(), count);
            let row = rows.next().await.unwrap().expect("a row");
            assert_eq!(row.get::<u64>(count - 1).unwrap(), 7);
            assert_eq!(row.get::<u64>(&*format!("c{}", count - 1)).unwrap(), 7);
            rows.finish().await.unwrap();
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn e59_bytes_behind_the_column_count_are_ignored() {
    run(async {
        let (mut session, script) = replying(|reply| {
            reply.payload(&[1, 9, 9]).payload(&definition(&number()[0])).row(&["1"]).end()
        })
        .await;
        assert_eq!(session.fetch_one::<u64>("SELECT n", ()).await.unwrap(), 1);
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

#[test]
fn e60_a_claimed_number_of_columns_is_an_error_before_any_is_expected() {
    let claims: [&[u8]; 4] = [
        b"\xFE\0\0\0\0\x01\0\0\0",
        b"\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        b"\xFD\xFF\xFF\xFF",
        b"\xFC\x01\x10",
    ];
    for claim in claims {
        run(async move {
            let (mut session, script) = replying(move |reply| reply.payload(claim)).await;
            let error = session.execute("SELECT n", ()).await.unwrap_err();
            let limit = Kind::Limit { limit: "max_columns", value: 4096 };
            // 0xFE begins no count that a reply may start with.
            let header = Kind::Unexpected { due: "a reply", header: 0xFE };
            assert_eq!(protocol_kind(&error), if claim[0] == 0xFE { header } else { limit });
            assert_dead(&mut session, &script).await;
            script.abandon();
        });
    }
}
