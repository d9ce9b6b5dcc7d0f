//! Character sets other than UTF-8, which SQL can choose behind the driver's back (S-05, T-71).

use mywire::error::{UsageError, ValueError};
use mywire::{Error, Value};

use crate::each_server;
use crate::target::{connect, usable};

fn is_refused(error: &Error) -> bool {
    matches!(error, Error::Usage(UsageError::ForeignCharacterSet { .. }))
}

/// S-05: the servers tell of it by default; SQL that they would misread is not sent, and text that
/// is not UTF-8 is bytes.
#[test]
fn s05_t71_the_servers_tell_of_another_character_set() {
    each_server(async |target| {
        for (charset, bytes) in [("latin1", &[0xE9][..]), ("gbk", &[0xA8, 0xA6]), ("big5", &[])] {
            let mut session = connect(&target.config()).await;
            session.execute(&format!("SET NAMES {charset}"), ()).await.unwrap();
            assert!(is_refused(&session.execute("SELECT 'é'", ()).await.unwrap_err()));
            assert!(is_refused(&session.prepare("SELECT 'é'").await.unwrap_err()));
            if !bytes.is_empty() {
                let sql = "SELECT CONVERT(x'C3A9' USING utf8mb4), CONVERT('plain' USING utf8mb4)";
                let found: (Vec<u8>, String) = session.fetch_one(sql, ()).await.unwrap();
                assert_eq!(found, (bytes.to_vec(), "plain".to_owned()), "{charset}");
                let error = session.fetch_one::<(String, String)>(sql, ()).await.unwrap_err();
                let Error::Column(column) = &error else { panic!("{error:?}") };
                assert_eq!(column.reason(), ValueError::CharacterSet);
                let statement = session.prepare(sql).await.unwrap();
                let found: (Value, Value) = session.fetch_one(&statement, ()).await.unwrap();
                assert_eq!(found, (Value::Bytes(bytes.to_vec()), Value::Text("plain".into())));
            }
            session.execute("SET NAMES utf8mb4", ()).await.unwrap();
            let text: String = session.fetch_one("SELECT 'é'", ()).await.unwrap();
            assert_eq!(text, "é");
            // A reset is a way back as well.
            session.execute(&format!("SET NAMES {charset}"), ()).await.unwrap();
            session.reset().await.unwrap();
            let text: String = session.fetch_one("SELECT 'é'", ()).await.unwrap();
            assert_eq!(text, "é");
            usable(&mut session).await;
        }
    });
}

/// Results alone in UTF-16: their bytes look like something else in UTF-8.
#[test]
fn s05_results_in_utf16_are_bytes() {
    each_server(async |target| {
        let mut session = connect(&target.config()).await;
        session.execute("SET character_set_results = utf16", ()).await.unwrap();
        // U+6162 is "ab" in ASCII.
        let sql = "SELECT CONVERT(x'E685A2' USING utf8mb4)";
        let error = session.fetch_one::<String>(sql, ()).await.unwrap_err();
        let Error::Column(column) = &error else { panic!("{error:?}") };
        assert_eq!(column.reason(), ValueError::CharacterSet);
        let found: Vec<u8> = session.fetch_one(sql, ()).await.unwrap();
        assert_eq!(found, b"ab");
        session.reset().await.unwrap();
        let found: String = session.fetch_one(sql, ()).await.unwrap();
        assert_eq!(found, "慢");
    });
}
