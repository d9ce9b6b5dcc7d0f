//! The configuration that the arguments stand for, and the session.

use std::io::Write;

use mywire::blocking::Session;
use mywire::{Config, Error, OptionFiles};

use crate::arguments::Connection;
use crate::failure::Failure;

/// Where the password is looked for if nothing else says one.
pub(crate) const PASSWORD_VARIABLE: &str = "MYWIRE_PASSWORD";

/// ER_ACCESS_DENIED_ERROR
const ACCESS_DENIED: u16 = 1045;

/// Opens the session.
pub(crate) fn connect(config: &Config) -> Result<Session, Failure> {
    Session::connect_with(config).map_err(|error| {
        let hint = match &error {
            Error::Server(server)
                if server.code() == ACCESS_DENIED && server.message().contains("password: NO") =>
            {
                "; no password was given: -p asks for it, and --help lists the other ways"
            }
            _ => "",
        };
        Failure::Connect(format!("{error}{hint}"))
    })
}

/// What the arguments say, over the option files and the environment if they are asked for.
pub(crate) fn config(arguments: &Connection) -> Result<Config, Failure> {
    let mut config = Config::default().connect_attribute("program_name", "mywire");
    let files = option_files(arguments);
    let names_host = files.is_some();
    if let Some(files) = files {
        let options = files.read().map_err(Failure::usage)?;
        for ignored in options.ignored() {
            let _ = writeln!(std::io::stderr(), "mywire: {ignored}");
        }
        config = config.read_environment().map_err(Failure::usage)?;
        config = options.apply(config).map_err(Failure::usage)?;
    }
    if !names_host {
        // By itself, so that a URL without a host is a mistake.
        arguments.url.parse::<Config>().map_err(Failure::usage)?;
    }
    config = config.with_url(&arguments.url).map_err(Failure::usage)?;
    let in_url = has_password(&arguments.url);
    if arguments.allow_clear_text_passwords {
        config = config.allow_clear_text_passwords(true);
    }
    if arguments.password {
        let password = rpassword::prompt_password("Password: ")
            .map_err(|error| Failure::usage(format_args!("cannot ask for a password: {error}")))?;
        config = config.password(password);
    } else if let Some(file) = &arguments.password_file {
        config = config.password_file(file);
    } else if !in_url && std::env::var_os(PASSWORD_VARIABLE).is_some() {
        config = config.password_env(PASSWORD_VARIABLE);
    }
    config.validate().map_err(Failure::usage)?;
    Ok(config)
}

fn option_files(arguments: &Connection) -> Option<OptionFiles> {
    let mut files = match &arguments.defaults_file {
        Some(file) => OptionFiles::none().file(file),
        None if arguments.defaults || arguments.login_path.is_some() => OptionFiles::usual(),
        None => return None,
    };
    if let Some(suffix) = &arguments.defaults_group_suffix {
        files = files.group_suffix(suffix);
    }
    if let Some(path) = &arguments.login_path {
        files = files.login_path(path);
    }
    Some(files)
}

/// Whether the URL has a password, going by its form; it was parsed before.
fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let user_info = authority.split_once('@').map_or("", |(user_info, _)| user_info);
    user_info.split_once(':').is_some_and(|(_, password)| !password.is_empty())
}
