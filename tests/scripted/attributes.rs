//! Query attributes, as a server without them on its side would see them.

use mywire::error::UsageError;
use mywire::wire::attributes::AttributedQuery;
use mywire::wire::{Command, StatusFlags};
use mywire::{Error, QueryAttributes, Sent};

use crate::scripted::*;

/// Answers COM_QUERY with OK, and checks whether it has the attribute.
async fn expect_query(server: &mut Server, sql: Option<&str>, attributed: bool) {
    let payload = server.command().await;
    let query = AttributedQuery::decode(&payload).unwrap();
    if let Some(sql) = sql {
        assert_eq!(query.sql, sql.as_bytes());
    }
    let names: Vec<_> = query.attributes.iter().map(|attribute| attribute.name).collect();
    let expected: &[&[u8]] = if attributed { &[b"tenant"] } else { &[] };
    assert_eq!(names, expected, "{}", String::from_utf8_lossy(query.sql));
    server.send(server.reply().ok_with(&ok_status(StatusFlags::AUTOCOMMIT))).await;
}

/// T-63, T-64, K-01: attributes are the session's, so what makes it as good as new forgets them, in
/// front of its own statements.
#[test]
fn t64_k01_a_reset_forgets_the_attributes() {
    run(async {
        let config = config().query_attributes(true);
        let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
            expect_query(&mut server, Some("DO 1"), true).await;
            server.expect(Command::ResetConnection).await;
            server.send(server.reply().ok()).await;
            expect_query(&mut server, None, false).await;
            expect_query(&mut server, Some("DO 2"), false).await;
        })
        .await;
        let attributes = QueryAttributes::default().with("tenant", 7_u64).unwrap();
        assert!(session.set_query_attributes(attributes));
        session.execute("DO 1", ()).await.unwrap();
        session.reset().await.unwrap();
        session.execute("DO 2", ()).await.unwrap();
        drop(session);
        script.done().await;
    });
}

/// E-88: parameters and attributes have one count. That they are too many for it is said in numbers,
/// and nothing is sent.
#[test]
fn e88_too_many_parameters_and_attributes_are_refused() {
    run(async {
        let config = config().query_attributes(true);
        let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
            server.expect(Command::StmtPrepare(b"x")).await;
            server.send(server.reply().prepared(7, u16::MAX, &[])).await;
            expect_query(&mut server, Some("DO 1"), true).await;
        })
        .await;
        let statement = session.prepare("x").await.unwrap();
        let attributes = QueryAttributes::default().with("tenant", 7_u64).unwrap();
        assert!(session.set_query_attributes(attributes));
        let values = vec![1_u8; usize::from(u16::MAX)];
        let error = session.execute(&statement, &values).await.unwrap_err();
        assert!(matches!(error, Error::Usage(UsageError::TooMany { max: 65_535, .. })), "{error}");
        assert_eq!((error.is_fatal(), error.was_sent()), (false, Sent::No));
        let said = "more than 65535 parameters and query attributes";
        assert!(error.to_string().contains(said), "{error}");
        session.execute("DO 1", ()).await.unwrap();
        drop((session, statement));
        script.done().await;
    });
}
