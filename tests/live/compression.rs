//! Compressed sessions: the same values as plain ones, whatever their sizes (F-30 to F-44).

use mywire::{Compression, Config, LongData, Session, SslMode};

use crate::target::{code, connect, usable};
use crate::{Target, each_server};

/// What the server can be asked for.
fn algorithms(session: &Session) -> &'static [Compression] {
    match session.is_mariadb() {
        // F-43
        true => &[Compression::Zlib],
        #[cfg(feature = "zstd")]
        false => &[Compression::Zlib, Compression::Zstd],
        #[cfg(not(feature = "zstd"))]
        false => &[Compression::Zlib],
    }
}

/// A compressed session of each kind that the server has.
async fn each_algorithm(target: &Target, config: Config, case: impl AsyncFn(Session, Compression)) {
    let plain = target.local().await;
    for &algorithm in algorithms(&plain) {
        let session = connect(&config.clone().compression([algorithm])).await;
        assert_eq!(session.compression(), Some(algorithm));
        case(session, algorithm).await;
    }
}

/// Bytes that no compression makes shorter.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut out = Vec::with_capacity(length + 8);
    while out.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(length);
    out
}

/// F-40: what was agreed on is what the server does; and without TLS, with TLS, and on a socket.
#[test]
fn f40_the_server_compresses_as_agreed() {
    each_server(async |target| {
        for mode in [SslMode::Disabled, SslMode::Preferred] {
            each_algorithm(
                target,
                target.config().ssl_mode(mode),
                async |mut session, algorithm| {
                    let (_, on): (String, String) = session
                        .fetch_one("SHOW SESSION STATUS LIKE 'Compression'", ())
                        .await
                        .unwrap();
                    assert_eq!(on, "ON");
                    if !session.is_mariadb() {
                        let sql = "SHOW SESSION STATUS LIKE 'Compression_algorithm'";
                        let (_, name): (String, String) = session.fetch_one(sql, ()).await.unwrap();
                        assert_eq!(name, algorithm.name());
                    }
                    for length in [0, 1, 49, 50, 51, 255, 16_384, 70_000] {
                        let sql = format!("SELECT '{}', REPEAT('x', {length})", "y".repeat(length));
                        let (a, b): (String, String) = session.fetch_one(&sql, ()).await.unwrap();
                        assert_eq!((a.len(), b.len()), (length, length));
                    }
                    for _ in 0..300 {
                        session.ping().await.unwrap();
                    }
                    usable(&mut session).await;
                    session.close().await.unwrap();
                },
            )
            .await;
        }
    });
}

/// F-41: the level byte counts.
#[cfg(feature = "zstd")]
#[test]
fn f41_e20_the_server_takes_the_level_of_zstd() {
    each_server(async |target| {
        if target.local().await.is_mariadb() {
            return;
        }
        for (level, expected) in [(None, "3"), (Some(1), "1"), (Some(22), "22")] {
            let mut config = target.local_config().compression([Compression::Zstd]);
            if let Some(level) = level {
                config = config.compression_level(level);
            }
            let mut session = connect(&config).await;
            let sql = "SHOW SESSION STATUS LIKE 'Compression_level'";
            let (_, found): (String, String) = session.fetch_one(sql, ()).await.unwrap();
            assert_eq!(found, expected);
            // The highest level's window is the whole frame.
            let sql = "SELECT REPEAT('0123456789abcdef', 1048000)";
            let text: String = session.fetch_one(sql, ()).await.unwrap();
            assert_eq!(text.len(), 16 * 1_048_000);
            usable(&mut session).await;
        }
    });
}

/// F-43: what a server lacks is not used, and the next best is.
#[test]
fn f43_the_first_algorithm_that_the_server_has_is_used() {
    each_server(async |target| {
        let mariadb = target.local().await.is_mariadb();
        if !cfg!(feature = "zstd") {
            return;
        }
        let both = [Compression::Zstd, Compression::Zlib];
        let mut session = connect(&target.local_config().compression(both)).await;
        let first = if mariadb { Compression::Zlib } else { Compression::Zstd };
        assert_eq!(session.compression(), Some(first));
        usable(&mut session).await;
        if mariadb {
            let config = target.local_config().compression([Compression::Zstd]);
            let mut session = connect(&config).await;
            assert_eq!(session.compression(), None);
            usable(&mut session).await;
        }
    });
}

/// E-16, F-35: payloads around 16 MiB go and come, packed well and not at all.
#[test]
fn e16_f35_payloads_around_16_mib_go_and_come() {
    each_server(async |target| {
        each_algorithm(target, target.local_config(), async |mut session, _| {
            // The first byte of the payload is the command.
            for payload in (1 << 24) - 5..=1 << 24 {
                let head = b"SELECT LENGTH(@v := '";
                let tail = b"'), SHA2(@v, 256)";
                let fill = payload - 1 - head.len() - tail.len();
                for noisy in [true, false] {
                    let filling = match noisy {
                        true => noise(fill).iter().map(|byte| b'a' + byte % 16).collect(),
                        false => vec![b'z'; fill],
                    };
                    let sql = [&head[..], &filling, tail].concat();
                    let sql = String::from_utf8(sql).unwrap();
                    assert_eq!(sql.len() + 1, payload);
                    let (length, _): (usize, String) = session.fetch_one(&sql, ()).await.unwrap();
                    assert_eq!(length, fill);
                    // A row whose only value has a prefix of four bytes; its payload is as long.
                    let sql = format!("SELECT RPAD(@v, {}, 'q')", payload - 4);
                    let value: String = session.fetch_one(&sql, ()).await.unwrap();
                    assert_eq!(value.len(), payload - 4);
                    assert!(value.as_bytes()[..fill] == filling, "{payload} {noisy}");
                }
            }
            usable(&mut session).await;
        })
        .await;
    });
}

/// Random bytes of all sizes through both protocols, in pieces, and skipped.
#[test]
fn f34_incompressible_bytes_round_trip() {
    each_server(async |target| {
        each_algorithm(target, target.config(), async |mut session, algorithm| {
            target.database(&mut session).await;
            session.execute("CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB)", ()).await.unwrap();
            let insert = session.prepare("INSERT INTO t VALUES (?, ?)").await.unwrap();
            let sizes = [0_usize, 1, 50, 16_383, 65_536, 1 << 20, 20_000_000];
            for (id, size) in sizes.into_iter().enumerate() {
                let bytes = noise(size);
                session.execute(&insert, (id, &bytes[..])).await.unwrap();
                session.execute("UPDATE t SET b = '' WHERE id = ?", (id,)).await.unwrap();
                let update = session.prepare("UPDATE t SET b = ? WHERE id = ?").await.unwrap();
                session.send_long_data(&update, 0, &bytes[..]).await.unwrap();
                session.execute(&update, (LongData, id)).await.unwrap();
                let sql = "SELECT b FROM t WHERE id = ?";
                let found: Vec<u8> = session.fetch_one(sql, (id,)).await.unwrap();
                assert!(found == bytes, "{algorithm} {size}");
            }
            let mut rows = session.query("SELECT b FROM t ORDER BY id", ()).await.unwrap();
            for size in sizes {
                let mut row = rows.next_chunked().await.unwrap().unwrap();
                let mut field = row.next_field().await.unwrap().unwrap();
                let mut found = Vec::new();
                while let Some(chunk) = field.chunk().await.unwrap() {
                    found.extend_from_slice(chunk);
                }
                assert!(found == noise(size), "{algorithm} {size}");
            }
            rows.finish().await.unwrap();
            // Left early, and skipped.
            let mut rows = session.query("SELECT b FROM t ORDER BY id", ()).await.unwrap();
            rows.next().await.unwrap().unwrap();
            drop(rows);
            usable(&mut session).await;
            session.execute("SELECT b FROM t", ()).await.unwrap();
            usable(&mut session).await;
        })
        .await;
    });
}

/// Several results of one command, several commands behind each other, errors, warnings.
#[test]
fn f37_ids_of_frames_follow_each_command() {
    each_server(async |target| {
        let config = target.local_config().multi_statements(true);
        each_algorithm(target, config, async |mut session, _| {
            for _ in 0..3 {
                let mut rows = session
                    .query("SELECT 1; DO 2; SELECT REPEAT('x', 100000); SELECT 4", ())
                    .await
                    .unwrap();
                let mut seen = 0;
                loop {
                    while let Some(row) = rows.next().await.unwrap() {
                        seen += row.iter().count();
                    }
                    if !rows.next_result().await.unwrap() {
                        break;
                    }
                }
                rows.finish().await.unwrap();
                assert_eq!(seen, 3);
                assert_eq!(
                    code(session.execute("SELECT nothing FROM nowhere.nothing", ()).await) / 1000,
                    1
                );
                session.execute("SELECT 1", ()).await.unwrap();
                session.reset().await.unwrap();
                let mut transaction = session.begin().await.unwrap();
                transaction.execute("DO 1", ()).await.unwrap();
                drop(transaction);
                // Statements without a reply in front of the next command.
                let statement = session.prepare("SELECT ?").await.unwrap();
                drop(statement);
                let text: String =
                    session.fetch_one("SELECT CONCAT(?, ?)", ("a", "b")).await.unwrap();
                assert_eq!(text, "ab");
            }
            // Ids beyond 255: each frame holds about 16 KiB before compression.
            let wanted = 200_000;
            let rows = sequence(&mut session, wanted, "REPEAT('w', 50)").await;
            assert_eq!(rows, wanted);
        })
        .await;
    });
}

async fn sequence(session: &mut Session, wanted: u64, extra: &str) -> u64 {
    let sql = numbers(wanted, extra);
    let mut rows = session.query(&sql, ()).await.unwrap();
    let mut count = 0;
    rows.for_each(|row| {
        let (_, text): (u64, &str) = row.decode()?;
        assert!(text.len() >= 4);
        count += 1;
        Ok(())
    })
    .await
    .unwrap();
    rows.finish().await.unwrap();
    count
}

/// SQL of `wanted` rows, at most a million: a number and something made of it.
fn numbers(wanted: u64, extra: &str) -> String {
    let digits = "(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL \
                  SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL \
                  SELECT 8 UNION ALL SELECT 9)";
    let tables: Vec<_> = "abcdef".chars().map(|name| format!("{digits} {name}")).collect();
    format!(
        "SELECT n, {extra} FROM (SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d + \
         100000 * f.d AS n FROM {}) AS numbers WHERE n < {wanted}",
        tables.join(", ")
    )
}

/// A million rows, compressed and not: the same values.
#[test]
fn a_million_rows_are_the_same_compressed_and_plain() {
    each_server(async |target| {
        let sql = numbers(1_000_000, "CONCAT(SHA2(n, 256), HEX(n * n))") + " ORDER BY n";
        let digest = async |session: &mut Session| {
            let mut rows = session.query(&sql, ()).await.unwrap();
            let (mut count, mut digest) = (0_u64, 0xCBF2_9CE4_8422_2325_u64);
            rows.for_each(|row| {
                let (number, text): (u64, &str) = row.decode()?;
                assert_eq!(number, count);
                for byte in text.bytes() {
                    digest = (digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
                }
                count += 1;
                Ok(())
            })
            .await
            .unwrap();
            rows.finish().await.unwrap();
            assert_eq!(count, 1_000_000);
            digest
        };
        let plain = digest(&mut target.local().await).await;
        each_algorithm(target, target.local_config(), async |mut session, algorithm| {
            assert_eq!(digest(&mut session).await, plain, "{algorithm}");
        })
        .await;
    });
}

/// F-44: another account and a reset on a compressed session: it stays so.
#[test]
fn f44_change_user_and_reset_keep_compression() {
    each_server(async |target| {
        each_algorithm(target, target.config(), async |mut session, algorithm| {
            for _ in 0..3 {
                let same = target.config();
                session.change_user(&same).await.unwrap();
                assert_eq!(session.compression(), Some(algorithm));
                usable(&mut session).await;
                let text: String =
                    session.fetch_one("SELECT REPEAT('x', 100000)", ()).await.unwrap();
                assert_eq!(text.len(), 100_000);
                session.reset().await.unwrap();
                usable(&mut session).await;
            }
        })
        .await;
    });
}
