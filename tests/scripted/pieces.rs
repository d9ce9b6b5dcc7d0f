//! Rows read in pieces by a session: dropped futures, and rows left in favour of others.

use std::task::Poll;

use mywire::wire::{ColumnType, Command};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;

use crate::scripted::*;

/// A session whose query gets three rows; every byte of them comes only when it is asked for.
async fn drop_by_drop() -> (mywire::Session, Script, mpsc::UnboundedSender<usize>) {
    let (more, mut wanted) = mpsc::unbounded_channel::<usize>();
    let (session, script) = logged_in(mysql(), &config(), |mut server| async move {
        server.expect(Command::Query(b"SELECT")).await;
        let columns = [column("a", ColumnType::VAR_STRING), column("b", ColumnType::VAR_STRING)];
        let head = server.reply().columns(&columns);
        let (head_len, reply) = (
            head.bytes().len(),
            head.row(&["first value", "row"]).row(&["second", "line"]).row(&["third", "one"]).end(),
        );
        assert!(server.write(&reply.bytes()[..head_len]).await);
        let mut at = head_len;
        while let Some(n) = wanted.recv().await {
            let end = (at + n).min(reply.bytes().len());
            server.write(&reply.bytes()[at..end]).await;
            at = end;
        }
        server.write(&reply.bytes()[at..]).await;
        server.echo().await;
    })
    .await;
    (session, script, more)
}

/// Polls a future until it waits, and drops it; what it gave if it did not wait.
async fn poll_and_drop<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    for _ in 0..8 {
        let polled = std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// A dropped `next_chunked` lost nothing, wherever the bytes end: the row is still the next one,
/// whole or in pieces.
#[test]
fn a_dropped_next_chunked_loses_no_row() {
    run(async {
        for cut in 0..24 {
            for whole in [false, true] {
                let (mut session, script, more) = drop_by_drop().await;
                let mut rows = session.query("SELECT", ()).await.unwrap();
                more.send(cut).unwrap();
                let begun = poll_and_drop(rows.next_chunked()).await.is_some();
                drop(more);
                // A row that was given out and dropped is left.
                let expected = if begun { ("second", "line") } else { ("first value", "row") };
                if whole {
                    let row = rows.next().await.unwrap().unwrap();
                    assert_eq!(row.decode::<(&str, &str)>().unwrap(), expected, "{cut}");
                } else {
                    let mut row = rows.next_chunked().await.unwrap().unwrap();
                    let mut text = String::new();
                    let mut field = row.next_field().await.unwrap().unwrap();
                    field.read_to_string(&mut text).await.unwrap();
                    assert_eq!(text, expected.0, "{cut}");
                    drop(row);
                }
                let row = rows.next().await.unwrap().unwrap();
                let next = if begun { "third" } else { "second" };
                assert_eq!(row.get::<&str>(0).unwrap(), next, "{cut} {whole}");
                drop(rows);
                assert_in_step(&mut session).await;
                drop(session);
                script.done().await;
            }
        }
    });
}

/// A dropped `next_field` or `chunk` lost nothing either.
#[test]
fn a_dropped_next_field_loses_no_value() {
    run(async {
        for cut in 0..16 {
            let (mut session, script, more) = drop_by_drop().await;
            let mut rows = session.query("SELECT", ()).await.unwrap();
            more.send(13).unwrap();
            let mut row = rows.next_chunked().await.unwrap().unwrap();
            let mut begun = row.next_field().await.unwrap().map(|field| field.index());
            more.send(cut).unwrap();
            while let Some(next) = poll_and_drop(row.next_field()).await {
                begun = next.unwrap().map(|field| field.index());
                if begun.is_none() {
                    break;
                }
            }
            drop(more);
            if begun == Some(0) {
                let mut field = row.next_field().await.unwrap().unwrap();
                assert_eq!((field.index(), field.len()), (1, 3), "{cut}");
                let mut value = Vec::new();
                while let Some(piece) = field.chunk().await.unwrap() {
                    value.extend_from_slice(piece);
                }
                assert_eq!(value, b"row", "{cut}");
            }
            assert!(row.next_field().await.unwrap().is_none());
            drop(row);
            let row = rows.next().await.unwrap().unwrap();
            assert_eq!(row.decode::<(&str, &str)>().unwrap(), ("second", "line"), "{cut}");
            drop(rows);
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        }
    });
}

/// `AsyncRead` and `chunk` take turns on one value.
#[test]
fn a_value_can_be_read_both_ways() {
    run(async {
        let (mut session, script) = replying(|reply| {
            let columns = [column("a", ColumnType::VAR_STRING)];
            reply.columns(&columns).row(&["0123456789"]).row(&["next"]).end()
        })
        .await;
        let mut rows = session.query("SELECT", ()).await.unwrap();
        let mut row = rows.next_chunked().await.unwrap().unwrap();
        let mut field = row.next_field().await.unwrap().unwrap();
        let mut four = [0; 4];
        field.read_exact(&mut four).await.unwrap();
        assert_eq!(&four, b"0123");
        assert_eq!(field.chunk().await.unwrap(), Some(&b"456789"[..]));
        assert_eq!(field.chunk().await.unwrap(), None);
        assert_eq!(field.read(&mut four).await.unwrap(), 0);
        // Left with a part given out.
        drop(row);
        let mut row = rows.next_chunked().await.unwrap().unwrap();
        let mut field = row.next_field().await.unwrap().unwrap();
        let mut two = [0; 2];
        field.read_exact(&mut two).await.unwrap();
        drop(row);
        assert!(rows.next_chunked().await.unwrap().is_none());
        drop(rows);
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}
