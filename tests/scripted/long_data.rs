//! Long data to servers that do something else meanwhile.

use std::sync::{Arc, Mutex};

use mywire::error::{Lost, ProtocolErrorKind};
use mywire::wire::Command;
use mywire::{Error, LongData, Sent, Session, Statement};
use tokio::io::AsyncReadExt;
use tokio::time::{Duration, sleep};

use crate::metered::{Meter, Metered, reading};
use crate::scripted::*;

/// Much more than the pipe holds.
const LENGTH: u64 = 1 << 20;

/// A session through a metered pipe, with a statement of one parameter.
async fn metered<F>(
    script: impl FnOnce(Server) -> F + Send + 'static,
) -> (Session, Statement, Arc<Mutex<Meter>>, Script)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (stream, running) = serve_through(16 << 10, |mut server| async move {
        server.login_as(&mysql()).await;
        server.expect(Command::StmtPrepare(b"x")).await;
        server.send(server.reply().prepared(7, 1, &[])).await;
        script(server).await;
    });
    let (stream, meter) = Metered::new(stream);
    let mut session = Session::from_stream(stream, &config()).await.unwrap();
    let statement = session.prepare("x").await.unwrap();
    (session, statement, meter, running)
}

fn value() -> impl tokio::io::AsyncRead + Unpin {
    tokio::io::repeat(b'v').take(LENGTH)
}

/// T-40: what a server sends while nobody asked fills the window once and no more.
#[test]
fn t40_a_flood_meanwhile_is_not_taken_in() {
    run(async {
        const FLOOD: usize = 8 << 20;
        let (mut session, statement, meter, script) = metered(|mut server| async move {
            server.read_some().await;
            assert!(!server.write(&vec![0; FLOOD]).await, "the client took all of it");
        })
        .await;
        let before = reading(&meter).read_bytes;
        // The server never reads on: the session waits, as for any server that stopped reading.
        let sending = session.send_long_data(&statement, 0, value());
        assert!(tokio::time::timeout(Duration::from_secs(60), sending).await.is_err());
        let taken = reading(&meter).read_bytes - before;
        assert!(taken <= 256 << 10, "{taken} bytes were taken");
        let error = session.execute(&statement, (LongData,)).await.unwrap_err();
        assert!(error.is_fatal(), "{error}");
        drop(session);
        script.done().await;
    });
}

/// The end of input does not come twice, and is no reason to stop sending what is taken.
#[test]
fn a_server_that_only_listens_gets_the_value() {
    run(async {
        let (mut session, statement, meter, script) = metered(|mut server| async move {
            server.read_some().await;
            server.half_close().await;
            sleep(Duration::from_secs(10)).await;
            server.until_closed().await;
        })
        .await;
        let before = reading(&meter).reads;
        let sent = session.send_long_data(&statement, 0, value()).await.unwrap();
        assert_eq!(sent, LENGTH);
        assert_eq!(reading(&meter).reads - before, 1, "the end is read once");
        let error = session.execute(&statement, (LongData,)).await.unwrap_err();
        let Error::Protocol(lost) = &error else { panic!("{error}") };
        assert!(matches!(lost.kind(), ProtocolErrorKind::ConnectionLost(Lost::Idle)), "{error}");
        assert_eq!(error.was_sent(), Sent::No);
        drop(session);
        script.done().await;
    });
}
