//! Spans of what sessions do, with OpenTelemetry's names for databases, and in them an event for
//! what fails (`exception`). Nothing without the feature `tracing`.
//!
//! They hold no parameter, no server's message (which may quote values), and the text of a statement
//! only if [`Config::trace_statements`](crate::Config::trace_statements) says so.

#[cfg(not(feature = "tracing"))]
pub(super) use off::Span;
#[cfg(feature = "tracing")]
pub(super) use on::Span;

#[cfg(feature = "tracing")]
mod on {
    use tracing::field::{Empty, display};
    use tracing::{Instrument, Level, event, info_span};

    use crate::config::{Config, Endpoint};
    use crate::error::{Error, Result};
    use crate::session::Session;
    use crate::session::statement::{Query, Source};

    /// The span of an operation, for as long as it lives.
    #[derive(Debug)]
    pub(in crate::session) struct Span(tracing::Span);

    impl Span {
        /// No span: nobody is told.
        pub(in crate::session) fn none() -> Self {
            Self(tracing::Span::none())
        }

        /// The span of an operation on a server that is not known yet.
        pub(in crate::session) fn of(operation: &'static str, config: &Config) -> Self {
            let span = info_span!(
                "mywire",
                otel.kind = "client",
                otel.name = operation,
                otel.status_code = Empty,
                db.system.name = "mysql",
                db.namespace = config.database.as_deref(),
                db.operation.name = operation,
                db.query.text = Empty,
                db.response.status_code = Empty,
                server.address = Empty,
                server.port = Empty,
                error.type = Empty,
            );
            if !span.is_disabled() {
                match config.endpoint() {
                    Endpoint::Tcp { host, port } => {
                        span.record("server.address", host.as_str());
                        span.record("server.port", *port);
                    }
                    Endpoint::Socket(path) => {
                        span.record("server.address", display(path.display()));
                    }
                }
            }
            Self(span)
        }

        /// The span of a session's operation.
        pub(in crate::session) fn on(operation: &'static str, session: &Session) -> Self {
            let span = Self::of(operation, &session.config);
            if !span.0.is_disabled() {
                if session.is_mariadb() {
                    span.0.record("db.system.name", "mariadb");
                }
                span.0.record("db.namespace", session.database());
            }
            span
        }

        /// The span of a statement.
        pub(in crate::session) fn statement(session: &Session, query: &impl Query) -> Self {
            let span = Self::on("query", session);
            if let (true, Source::Sql(sql)) = (session.config.trace_statements, query.source()) {
                span.0.record("db.query.text", sql);
            }
            span
        }

        /// Runs a part of the operation.
        pub(in crate::session) async fn run<T>(
            &self,
            part: impl Future<Output = Result<T>>,
        ) -> Result<T> {
            let outcome = part.instrument(self.0.clone()).await;
            if let Err(error) = &outcome {
                self.failed(error);
            }
            outcome
        }

        /// Notes how the operation failed.
        pub(in crate::session) fn failed(&self, error: &Error) {
            if self.0.is_disabled() {
                return;
            }
            self.0.record("otel.status_code", "ERROR");
            let mut kind = name(error).to_owned();
            if let Error::Server(error) = error {
                kind = error.code().to_string();
                self.0.record("db.response.status_code", &*kind);
            }
            self.0.record("error.type", &*kind);
            // Without `exception.message`: it may quote values.
            event!(name: "exception", parent: &self.0, Level::DEBUG, exception.type = &*kind);
        }
    }

    fn name(error: &Error) -> &'static str {
        match error {
            Error::Io(_) => "io",
            Error::Server(_) => "server",
            Error::Protocol(_) => "protocol",
            Error::Auth(_) => "auth",
            Error::Tls(_) => "tls",
            Error::Config(_) => "config",
            Error::Usage(_) => "usage",
            Error::Column(_) => "column",
            Error::Param(_) => "param",
            Error::Timeout(_) => "timeout",
            Error::Bulk(error) => name(error.error()),
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use crate::config::Config;
    use crate::error::{Error, Result};
    use crate::session::Session;
    use crate::session::statement::Query;

    /// Nothing at all.
    #[derive(Clone, Copy, Debug)]
    pub(in crate::session) struct Span;

    impl Span {
        #[inline(always)]
        pub(in crate::session) fn none() -> Self {
            Self
        }

        #[inline(always)]
        pub(in crate::session) fn of(_: &'static str, _: &Config) -> Self {
            Self
        }

        #[inline(always)]
        pub(in crate::session) fn on(_: &'static str, _: &Session) -> Self {
            Self
        }

        #[inline(always)]
        pub(in crate::session) fn statement(_: &Session, _: &impl Query) -> Self {
            Self
        }

        /// The part itself.
        #[inline(always)]
        pub(in crate::session) fn run<T, F: Future<Output = Result<T>>>(&self, part: F) -> F {
            part
        }

        #[inline(always)]
        pub(in crate::session) fn failed(&self, _: &Error) {}
    }
}
