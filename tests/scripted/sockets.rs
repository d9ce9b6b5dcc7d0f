//! Unix sockets on which somebody else listens (T-102).
#![cfg(any(target_os = "linux", target_os = "android"))]

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use mywire::error::{AuthError, IoTask};
use mywire::wire::Capabilities;
use mywire::{Config, Error, Sent, Session};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use crate::scripted::*;

/// A socket of this process; it goes with it.
struct Socket(PathBuf);

impl Socket {
    fn bind(name: &str) -> (Self, UnixListener) {
        let path = std::env::temp_dir().join(format!("mywire-{}-{name}", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        (Self(path), listener)
    }

    fn config(&self) -> Config {
        config().socket(&self.0)
    }

    fn owner(&self) -> u32 {
        std::fs::metadata(&self.0).unwrap().uid()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn t102_a_process_of_somebody_else_is_left_before_anything_is_written() {
    run_on_sockets(async {
        let (socket, listener) = Socket::bind("foreign");
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let greeting = Packets::new(Capabilities::NONE, 0).greeting(&mysql());
            // It may be gone already.
            let _ = stream.write_all(greeting.bytes()).await;
            let mut written = Vec::new();
            let _ = stream.read_to_end(&mut written).await;
            written
        });
        let config = socket.config().socket_peer_uid(socket.owner() + 1);
        let error = Session::connect_with(&config).await.unwrap_err();
        let Error::Io(io) = &error else { panic!("{error:?}") };
        assert_eq!((io.task(), error.was_sent()), (IoTask::Connect, Sent::No));
        assert_eq!(io.io_error().kind(), std::io::ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("`socket-peer-uid`"), "{error}");
        assert_eq!(serving.await.unwrap(), b"");
    });
}

#[test]
fn t102_the_right_process_is_spoken_to() {
    run_on_sockets(async {
        let (socket, listener) = Socket::bind("own");
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let greeting = Packets::new(Capabilities::NONE, 0).greeting(&mysql());
            stream.write_all(greeting.bytes()).await.unwrap();
            let mut login = [0; 64];
            stream.read_exact(&mut login).await.unwrap();
            let refusal = Packets::new(Capabilities::NONE, 2).err(1045, "no");
            stream.write_all(refusal.bytes()).await.unwrap();
        });
        let config = socket.config().socket_peer_uid(socket.owner());
        let error = Session::connect_with(&config).await.unwrap_err();
        assert_eq!(error.as_server().map(|error| error.code()), Some(1045), "{error}");
        serving.await.unwrap();
    });
}

/// What the caller connected is no socket of the configuration: it counts as a network.
#[test]
fn t102_a_transport_of_the_callers_is_no_unix_socket() {
    run(async {
        let config = config().socket("/run/mysqld/mysqld.sock").allow_clear_text_passwords(true);
        for plugin in ["mysql_clear_password", "caching_sha2_password"] {
            let (stream, script) = serve(move |mut server| async move {
                server.greet(&mysql()).await;
                server
                    .send(match plugin {
                        "caching_sha2_password" => server.reply().more_data(&[4]),
                        _ => server.reply().auth_switch(plugin, b""),
                    })
                    .await;
                assert_eq!(server.until_closed().await, 0);
            });
            let error = Session::from_stream(stream, &config).await.unwrap_err();
            let refused = matches!(
                error,
                Error::Auth(
                    AuthError::ChannelNotVerified { .. } | AuthError::PasswordNeedsProtection
                )
            );
            assert!(refused, "{error:?}");
            script.done().await.assert_without_secret(PASSWORD);
        }
    });
}
