//! The spans of the feature `tracing`: OpenTelemetry's names, and no secret.
#![allow(missing_docs, unreachable_pub, reason = "a test target has no callers")]

#[path = "pool/listener.rs"]
mod listener;
#[path = "support/scripted.rs"]
#[allow(unused_imports, reason = "the scripted suite uses all of it")]
mod scripted;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use listener::Listener;
use mywire::wire::{OkPacket, SessionState, StatusFlags};
use mywire::{Config, Pool, Session, SslMode};
use scripted::{PASSWORD, TLS_NAME, mariadb, ok, run_on_sockets, tls_file, with_tls};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

type Fields = BTreeMap<String, String>;

/// Notes every span.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<Fields>>>);

struct Reader<'f>(&'f mut Fields);

impl Visit for Reader<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

impl Subscriber for Notes {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("mywire")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields::new();
        span.record(&mut Reader(&mut fields));
        let mut spans = self.0.lock().unwrap();
        spans.push(fields);
        Id::from_u64(u64::try_from(spans.len()).unwrap())
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let place = usize::try_from(span.into_u64()).unwrap() - 1;
        values.record(&mut Reader(&mut self.0.lock().unwrap()[place]));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    /// What an event says is noted with its span.
    fn event(&self, event: &Event<'_>) {
        let place = usize::try_from(event.parent().unwrap().into_u64()).unwrap() - 1;
        event.record(&mut Reader(&mut self.0.lock().unwrap()[place]));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Runs with a server that fails every third command, and notes the spans.
fn spans(change: impl FnOnce(Config) -> Config) -> Vec<Fields> {
    let notes = Notes::default();
    tracing::subscriber::with_default(notes.clone(), || {
        run_on_sockets(async {
            let listener = Listener::new(|_, mut server| async move {
                server.login().await;
                server.command().await;
                server.send(server.reply().ok()).await;
                server.command().await;
                server.send(server.reply().err(1062, "Duplicate entry 'parameter-4711'")).await;
                server.echo().await;
            })
            .await;
            let config = change(listener.config().database("shop"));
            let mut session = Session::connect_with(&config).await.unwrap();
            session.execute("INSERT 'literal-4711'", ()).await.unwrap();
            session.execute("INSERT 'literal-4711'", ()).await.unwrap_err();
            session.ping().await.unwrap();
            let mut outer = session.begin().await.unwrap();
            outer.savepoint().await.unwrap().rollback().await.unwrap();
            outer.commit().await.unwrap();
            let pool = Pool::new(config.clone()).unwrap();
            drop(pool.session().await.unwrap());
            Session::connect_with(&config.host("127.0.0.1").port(1)).await.unwrap_err();
        });
    });
    notes.0.lock().unwrap().clone()
}

fn named<'s>(spans: &'s [Fields], name: &str) -> Vec<&'s Fields> {
    spans.iter().filter(|span| span["otel.name"] == name).collect()
}

#[test]
fn t83_spans_have_opentelemetrys_names_and_no_text() {
    let spans = spans(|config| config);
    let queries = named(&spans, "query");
    assert_eq!(queries.len(), 2, "{spans:#?}");
    for span in &spans {
        assert_eq!(span["otel.kind"], "client");
        assert_eq!(span["db.system.name"], "mysql");
        assert_eq!(span["db.namespace"], "shop");
        assert_eq!(span["server.address"], "127.0.0.1");
        assert!(span["server.port"].parse::<u16>().is_ok(), "{span:?}");
        assert_eq!(span["db.operation.name"], span["otel.name"]);
    }
    assert_eq!((queries[0].get("error.type"), queries[0].get("exception.type")), (None, None));
    assert_eq!(queries[1]["exception.type"], "1062");
    assert_eq!(queries[1]["error.type"], "1062");
    assert_eq!(queries[1]["db.response.status_code"], "1062");
    assert_eq!(queries[1]["otel.status_code"], "ERROR");
    assert_eq!((named(&spans, "ping").len(), named(&spans, "pool.session").len()), (1, 1));
    for operation in ["begin", "savepoint", "rollback", "commit"] {
        let [span] = named(&spans, operation)[..] else { panic!("{operation}: {spans:#?}") };
        assert_eq!(span.get("error.type"), None);
    }
    let connects = named(&spans, "connect");
    assert_eq!(connects.len(), 3);
    assert_eq!(connects[2]["error.type"], "io");
    assert_eq!(connects[2]["exception.type"], "io");
    let all = format!("{spans:?}");
    for secret in [PASSWORD, "literal-4711", "parameter-4711", "INSERT"] {
        assert!(!all.contains(secret), "{secret}: {all}");
    }
}

/// T-10: that a server was named and is not to be reached is no error, and is told.
#[test]
fn t10_a_redirect_to_nobody_is_told() {
    let notes = Notes::default();
    tracing::subscriber::with_default(notes.clone(), || {
        run_on_sockets(async {
            let listener = Listener::new(|_, mut server| async move {
                server.greet_tls(&with_tls(mariadb())).await.unwrap();
                server.login_request().await;
                let url = b"mysql://localhost:1";
                let mut state = vec![0, 0, 12];
                state.extend_from_slice(b"redirect_url");
                state.push(u8::try_from(url.len()).unwrap());
                state.extend_from_slice(url);
                state[1] = u8::try_from(state.len() - 2).unwrap();
                let told = OkPacket {
                    status: StatusFlags::SESSION_STATE_CHANGED,
                    session_state: SessionState::decode(&state).unwrap(),
                    ..ok()
                };
                server.send(server.reply().ok_with(&told)).await;
                server.echo().await;
            })
            .await;
            let config = listener.config().ssl_mode(SslMode::VerifyIdentity);
            let config = config.ssl_ca_file(tls_file("ca.pem")).tls_server_name(TLS_NAME);
            let session = Session::connect_with(&config.redirect_to(["localhost"])).await.unwrap();
            assert_eq!(session.redirect_url(), Some("mysql://localhost:1"));
        });
    });
    let spans = notes.0.lock().unwrap();
    let told = named(&spans, "connect.redirect");
    assert_eq!(told.len(), 1, "{spans:#?}");
    assert_eq!((&*told[0]["server.address"], &*told[0]["server.port"]), ("localhost", "1"));
    assert_eq!((&*told[0]["error.type"], &*told[0]["exception.type"]), ("io", "io"));
    assert_eq!(named(&spans, "connect")[0].get("error.type"), None);
}

#[test]
fn statements_are_shown_if_asked_for() {
    let spans = spans(|config| config.trace_statements(true));
    for span in named(&spans, "query") {
        assert_eq!(span["db.query.text"], "INSERT 'literal-4711'");
    }
    assert!(!format!("{spans:?}").contains(PASSWORD));
}
