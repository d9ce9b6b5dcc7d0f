//! A MySQL and MariaDB client (temporary module list).

pub mod auth;
mod secret;

pub use secret::Secret;
