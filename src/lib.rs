//! A MySQL and MariaDB client (temporary module list).

#![allow(
    dead_code,
    reason = "the fronts that use these modules are not here yet"
)]

pub mod auth;
pub mod config;
mod secret;
#[cfg(feature = "tls")]
mod tls_config;

pub use config::{Config, ConfigError, Endpoint, Limits, SslMode};
pub use secret::Secret;
