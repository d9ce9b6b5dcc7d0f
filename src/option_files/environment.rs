//! The environment's part: the places of files, and the clients' variables.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Place;
use super::apply::Endpoints;
use crate::config::{Config, ConfigError};

/// The one way to the environment.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| home.is_absolute())
}

/// The files of the servers' clients, in their order.
pub(super) fn usual_places() -> Vec<Place> {
    let server_home = variable("MARIADB_HOME").or_else(|| variable("MYSQL_HOME"));
    let places = [
        cfg!(unix).then(|| PathBuf::from("/etc/my.cnf")),
        cfg!(unix).then(|| PathBuf::from("/etc/mysql/my.cnf")),
        server_home.map(|home| Path::new(&home).join("my.cnf")),
        home().map(|home| home.join(".my.cnf")),
    ];
    let plain = places.into_iter().flatten();
    let place = |path| Place { path, optional: true, login: false };
    plain.map(place).chain(login_place()).collect()
}

/// The file of mysql_config_editor.
pub(super) fn login_place() -> Option<Place> {
    let named = variable("MYSQL_TEST_LOGIN_FILE").map(PathBuf::from);
    let path = named.or_else(|| Some(home()?.join(".mylogin.cnf")))?;
    Some(Place { path, optional: true, login: true })
}

pub(super) fn group_suffix() -> Option<String> {
    variable("MYSQL_GROUP_SUFFIX")?.into_string().ok()
}

/// See [`Config::read_environment`].
pub(super) fn apply(mut config: Config) -> Result<Config, ConfigError> {
    let text = |name: &str| {
        let value = variable(name).map(OsString::into_string).transpose();
        value
            .map_err(|_| ConfigError::new(format!("The environment variable {name} is not UTF-8.")))
    };
    let mut endpoints = Endpoints::of(&config);
    if let Some(host) = text("MYSQL_HOST")? {
        endpoints.host = Some(host);
    }
    if let Some(socket) = variable("MYSQL_UNIX_PORT") {
        endpoints.socket = Some(socket.into());
    }
    if let Some(port) = text("MYSQL_TCP_PORT")? {
        let number = port.parse().ok().filter(|&number| number != 0);
        endpoints.port = Some(number.ok_or_else(|| {
            ConfigError::new(
                "The environment variable MYSQL_TCP_PORT is not a number from 1 to 65535.",
            )
        })?);
    }
    config = endpoints.apply(config)?;
    if let Some(password) = variable("MYSQL_PWD") {
        config = config.password(password.into_encoded_bytes());
    }
    Ok(config)
}
