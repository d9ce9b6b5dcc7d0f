//! Option files: the `my.cnf` of MySQL's and MariaDB's own clients, on request.
//!
//! Nothing here is read by itself (T-85): a caller says which files, and applies what they say.

mod apply;
mod environment;
#[cfg(feature = "login-path")]
mod login_file;
mod parse;
mod source;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::config::{Config, ConfigError};
use crate::secret::Secret;

/// The groups that are read unless others are named.
pub(crate) const DEFAULT_GROUPS: [&str; 6] =
    ["client", "client-server", "client-mariadb", "mysql", "mariadb-client", "mywire"];

/// How deep files may include each other: the bound of the servers' clients.
pub(crate) const MAX_INCLUDE_DEPTH: usize = 10;

/// Most files that are read together, included ones as well: more than any distribution has in its
/// folders, and an end to files that include themselves.
pub(crate) const MAX_FILES: usize = 256;

/// Most bytes of a file: option files are written by hand.
pub(crate) const MAX_FILE_BYTES: usize = 1 << 20;

/// Which option files to read, and which of their groups.
///
/// ```no_run
/// use mywire::{Config, OptionFiles};
///
/// # fn example() -> Result<(), mywire::ConfigError> {
/// let options = OptionFiles::usual().read()?;
/// for ignored in options.ignored() {
///     eprintln!("{ignored}");
/// }
/// let config = options.apply(Config::default())?;
/// # Ok(())
/// # }
/// ```
///
/// **Syntax**, that of the servers' clients: groups in brackets, `key = value` or `key` alone, lines
/// that begin with `#` or `;`, comments behind ` #`, values in single or double quotes, the escapes
/// `\n \t \r \b \s \" \' \\`, `!include FILE` and `!includedir FOLDER` (its files that end in
/// `.cnf`, by name). `_` may stand for `-`. A path that is not absolute counts from the folder of the
/// file that names it. Of an option given twice, the last one counts.
///
/// **Options** that are taken: `host`, `port`, `socket`, `protocol`, `user`, `password` (also
/// `password1` to `password3`), `database`, `ssl`, `ssl-mode`, `ssl-ca`, `ssl-cert`, `ssl-key`,
/// `ssl-fp`, `ssl-verify-server-cert`, `connect-timeout`, `bind-address`, `compress`,
/// `compression-algorithms`, `zstd-compression-level`, `init-command`, `enable-cleartext-plugin`,
/// `get-server-public-key`, `server-public-key-path`, `restricted-auth`. Other programs' options are
/// ignored, except `safe-updates` and `i-am-a-dummy`, and those that would make TLS stricter and are not
/// known here: `ssl-crl`, `ssl-crlpath`, `ssl-capath`, `ssl-fp-list` (and `ssl-fplist`), `ssl-cipher`,
/// `tls-ciphersuites` and a `tls-version` without one of TLSv1.2 and TLSv1.3. These are errors, unless
/// `loose-` stands before them. In the group `mywire` every unknown option is an error. `ssl` takes no
/// verification back: with a CA, before or behind it, the server's identity is verified.
///
/// **Groups** are `client`, `client-server`, `client-mariadb`, `mysql`, `mariadb-client` and `mywire`
/// unless [`groups`](Self::groups) says others.
///
/// **Bounds**: 1 MiB for a file, 256 files, 10 files that include each other.
///
/// As the clients do, files that anybody can write to are ignored, and so are included files and the
/// usual ones that are missing or may not be read, see [`ReadOptions::ignored`]; and a host of
/// `localhost` means the socket if there is one. A `socket` alone does not take the place of a host that
/// the configuration or `MYSQL_HOST` named.
#[derive(Clone, Debug)]
pub struct OptionFiles {
    places: Vec<Place>,
    groups: Vec<String>,
    suffix: Option<String>,
    login_path: Option<String>,
}

/// A file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    path: PathBuf,
    /// It may be missing.
    optional: bool,
    /// It is the obfuscated one of mysql_config_editor.
    login: bool,
}

/// What option files say.
///
/// `Debug` shows no value.
pub struct ReadOptions {
    options: Vec<OptionLine>,
    files: Vec<PathBuf>,
    ignored: Vec<IgnoredFile>,
}

/// An option, where it stands.
struct OptionLine {
    group: String,
    key: String,
    value: Option<Secret>,
    file: PathBuf,
    line: usize,
}

/// A file that was not read, and why; `Display` is a sentence for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoredFile {
    path: PathBuf,
    reason: &'static str,
}

impl OptionFiles {
    /// No file yet, and the default groups.
    #[must_use]
    pub fn none() -> Self {
        let groups = DEFAULT_GROUPS.map(String::from).to_vec();
        Self { places: Vec::new(), groups, suffix: None, login_path: None }
    }

    /// The files that the servers' clients read, those of them that there are: `/etc/my.cnf`,
    /// `/etc/mysql/my.cnf`, `my.cnf` in the folder of the variable `MARIADB_HOME` or `MYSQL_HOME`,
    /// `~/.my.cnf`, and `~/.mylogin.cnf` (or the file of `MYSQL_TEST_LOGIN_FILE`), in this order; the
    /// group suffix of `MYSQL_GROUP_SUFFIX`.
    #[must_use]
    pub fn usual() -> Self {
        let places = environment::usual_places();
        Self { places, suffix: environment::group_suffix(), ..Self::none() }
    }

    /// Adds a file, which has to be there and must not be writable by everybody.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.places.push(Place { path: path.into(), optional: false, login: false });
        self
    }

    /// Adds a file in the form of mysql_config_editor, the obfuscated `.mylogin.cnf`; reading it needs
    /// the feature `login-path`. It must be its owner's alone to read.
    #[must_use]
    pub fn login_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.places.push(Place { path: path.into(), optional: false, login: true });
        self
    }

    /// Reads these groups instead of the default groups.
    #[must_use]
    pub fn groups<G: Into<String>>(mut self, groups: impl IntoIterator<Item = G>) -> Self {
        self.groups = groups.into_iter().map(Into::into).collect();
        self
    }

    /// Reads the groups with this text behind their names as well.
    #[must_use]
    pub fn group_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.suffix = Some(suffix.into());
        self
    }

    /// Reads the group of this name as well; an error unless a file has it.
    ///
    /// Adds `~/.mylogin.cnf` (or the file of `MYSQL_TEST_LOGIN_FILE`) if no such file was added.
    #[must_use]
    pub fn login_path(mut self, name: impl Into<String>) -> Self {
        if !self.places.iter().any(|place| place.login) {
            self.places.extend(environment::login_place());
        }
        self.login_path = Some(name.into());
        self
    }

    /// Reads the files.
    ///
    /// # Errors
    ///
    /// A sentence that names the file, and the line if it is one: a file that was named to
    /// [`file`](Self::file) and cannot be read, that is too large or included too deep; a line that
    /// is none; a login path that no file
    /// has. No value of a file is in it.
    pub fn read(&self) -> Result<ReadOptions, ConfigError> {
        let mut groups = self.groups.clone();
        groups.extend(self.login_path.clone());
        if let Some(suffix) = self.suffix.as_deref().filter(|suffix| !suffix.is_empty()) {
            groups.extend(groups.clone().into_iter().map(|group| group + suffix));
        }
        let mut reader = source::Reader::new(groups);
        for place in &self.places {
            reader.read(place)?;
        }
        if let Some(name) = self.login_path.as_ref().filter(|name| !reader.has_seen(name)) {
            return Err(ConfigError::new(format!(
                "No option file has the group `{}`, which the login path names{}.",
                name.escape_debug(),
                reader.why_not()
            )));
        }
        Ok(reader.finish())
    }
}

impl ReadOptions {
    /// The files that were read, included ones as well, in order.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The files that were not read, and why.
    #[must_use]
    pub fn ignored(&self) -> &[IgnoredFile] {
        &self.ignored
    }

    /// Puts what the files say over what `config` says.
    ///
    /// # Errors
    ///
    /// A sentence with the file and the line of an option that cannot be followed.
    pub fn apply(&self, config: Config) -> Result<Config, ConfigError> {
        apply::apply(&self.options, config)
    }
}

impl fmt::Debug for ReadOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadOptions")
            .field("options", &self.options.len())
            .field("files", &self.files)
            .field("ignored", &self.ignored)
            .finish()
    }
}

impl IgnoredFile {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Display for IgnoredFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The option file {} is ignored: {}.", self.path.display(), self.reason)
    }
}

impl Config {
    /// Takes what the variables of the servers' clients say: `MYSQL_HOST`, `MYSQL_TCP_PORT`,
    /// `MYSQL_UNIX_PORT` (a socket) and `MYSQL_PWD`. A host other than `localhost` is stronger than a
    /// socket. Option files are stronger: read those afterwards, as the clients do.
    ///
    /// # Errors
    ///
    /// A sentence that names the variable which makes no sense.
    pub fn read_environment(self) -> Result<Self, ConfigError> {
        environment::apply(self)
    }
}

#[cfg(test)]
mod tests;
