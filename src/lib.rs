//! A MySQL and MariaDB client (temporary module list).

mod secret;

pub use secret::Secret;
