//! LOAD DATA LOCAL dropped at every poll: the whole file or nothing of it.

use super::{Choppy, PORTION, Tally, drop_after, each_server, is_right, open, transports};
use super::{unique, warm};

const LINES: u64 = 40;

/// T-60, T-61: a file whose reader is gone in the middle is never a shorter file.
#[test]
fn t60_t61_a_load_dropped_at_every_poll_loads_all_or_nothing() {
    each_server(async |server| {
        for (transport, config) in transports(server) {
            let config = config.local_infile(true);
            let tally = Tally::default();
            warm(server).await;
            let mut session = open(server, &config, 7, PORTION).await.unwrap();
            let table = format!("loaded_{}_{}", std::process::id(), unique());
            let sql = format!("CREATE TABLE {table} (tag BIGINT, line BIGINT) ENGINE = InnoDB");
            session.execute(&sql, ()).await.unwrap();
            for polls in 0.. {
                let tag = unique();
                let file: String = (0..LINES).map(|line| format!("{tag},{line}\n")).collect();
                let sql = format!(
                    "LOAD DATA LOCAL INFILE 'free text' INTO TABLE {table} \
                     FIELDS TERMINATED BY ','"
                );
                let reader = Choppy::new(file.as_bytes(), tag, 100);
                let outcome = drop_after(polls, session.load_local(&sql, reader)).await;
                if !is_right(&mut session, &format!("a load, dropped after {polls} polls")).await {
                    tally.died();
                    session = open(server, &config, unique(), PORTION).await.unwrap();
                }
                let sql = format!("SELECT COUNT(*) FROM {table} WHERE tag = {tag}");
                let count: u64 = session.fetch_one(&sql, ()).await.unwrap();
                if let Some(outcome) = outcome {
                    assert_eq!((outcome.unwrap().affected_rows, count), (LINES, LINES));
                    break;
                }
                assert!(count == 0 || count == LINES, "{count} of {LINES} lines were loaded");
                tally.dropped();
            }
            // Nor did anything come later.
            let sql = format!("SELECT tag FROM {table} GROUP BY tag HAVING COUNT(*) <> {LINES}");
            let partial: Vec<u64> = session.fetch_all(&sql, ()).await.unwrap();
            assert!(partial.is_empty(), "{partial:?}");
            session.execute(&format!("DROP TABLE {table}"), ()).await.unwrap();
            tally.print("load_local", server, transport);
        }
    });
}
