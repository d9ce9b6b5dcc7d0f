//! The login matrix: each account, over each way to the server, on each server. What must come of
//! it is written down here; what came is printed as one table, and what was written is searched for
//! the password wherever that must not be.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use mywire::auth::{Plugin, PluginContext, PluginExchange, Response};
use mywire::error::AuthError;
use mywire::{Config, Error, Secret, Session, SslMode};

use crate::capture::Capture;
use crate::servers::Flavor;
use crate::target::{exclusively, usable};
use crate::{Target, each_server};

/// How the server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Plain,
    TlsUnverified,
    TlsVerified,
    Socket,
}

const WAYS: [Way; 4] = [Way::Plain, Way::TlsUnverified, Way::TlsVerified, Way::Socket];

/// What comes of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Logged in; by this plugin.
    In(&'static str),
    /// The server's error of this number.
    Err(u16),
    /// This side refused: the password would be shown to the network.
    NeedsProtection,
    /// This side refused: the channel is not verified.
    Unverified,
    /// This side refused the plugin.
    Refused,
    /// This side refused: a further factor has no password here.
    NoPassword,
    /// The server asked on where the plugin has no more answers.
    AskedOn,
    /// The build lacks this feature.
    Feature(&'static str),
    /// The server is of the base packages, which do not have the plugin of the account.
    NoPlugin,
    /// The account is not on this server: the server does not have such accounts.
    NoAccount,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::In(plugin) => f.write_str(match *plugin {
                "mysql_native_password" => "in, native",
                "caching_sha2_password" => "in, sha2",
                "mysql_clear_password" => "in, clear",
                "client_ed25519" => "in, ed25519",
                "sha256_password" => "in, sha256",
                other => return write!(f, "in, {other}"),
            }),
            Self::Err(code) => write!(f, "error {code}"),
            Self::NeedsProtection => f.write_str("needs TLS"),
            Self::Unverified => f.write_str("unverified"),
            Self::Refused => f.write_str("refused"),
            Self::NoPassword => f.write_str("no password"),
            Self::AskedOn => f.write_str("asked on"),
            Self::Feature(feature) => write!(f, "no {feature}"),
            Self::NoPlugin => f.write_str("no plugin"),
            Self::NoAccount => f.write_str("-"),
        }
    }
}

/// An account and what comes of it, by way.
struct Case {
    user: &'static str,
    /// The passwords by factor.
    passwords: &'static [&'static str],
    /// The answers to questions behind the first.
    answers: &'static [&'static str],
    outcomes: [Outcome; 4],
}

const NATIVE: Outcome = Outcome::In("mysql_native_password");
const SHA2: Outcome = Outcome::In("caching_sha2_password");
const SHA256: Outcome = Outcome::In("sha256_password");
/// Over a socket it takes RSA too.
const RSA: Outcome = built("rsa", "sha256_password", cfg!(feature = "rsa"));
const CLEAR: Outcome = Outcome::In("mysql_clear_password");
const DIALOG: Outcome = Outcome::In("dialog");
const DENIED: Outcome = Outcome::Err(1045);

const fn built(feature: &'static str, plugin: &'static str, is_on: bool) -> Outcome {
    if is_on { Outcome::In(plugin) } else { Outcome::Feature(feature) }
}

const ED25519: Outcome = built("ed25519", "client_ed25519", cfg!(feature = "ed25519"));
const PARSEC: Outcome = built("parsec", "parsec", cfg!(feature = "parsec"));

const fn case(
    user: &'static str,
    passwords: &'static [&'static str],
    outcomes: [Outcome; 4],
) -> Case {
    Case { user, passwords, answers: &[], outcomes }
}

/// What hands the password over: over plain TCP and unverified TLS it does not.
const fn proved(outcome: Outcome) -> [Outcome; 4] {
    [Outcome::Unverified, Outcome::Unverified, outcome, outcome]
}

fn mysql() -> Vec<Case> {
    use Outcome::*;

    let cold = [NeedsProtection, SHA2, SHA2, SHA2];
    vec![
        case("u_sha2", &["pw-sha2"], cold),
        case("u_sha2_empty", &[""], [SHA2; 4]),
        case("u_sha256", &["pw-sha256"], [NeedsProtection, Unverified, SHA256, RSA]),
        case("u_dual", &["pw-old"], cold),
        case("u_dual", &["pw-new"], cold),
        case("u_ssl", &["pw-ssl"], [NeedsProtection, SHA2, SHA2, DENIED]),
        case("u_x509", &["pw-x509"], [NeedsProtection, DENIED, SHA2, DENIED]),
        case("u_subject", &["pw-x509"], [NeedsProtection, DENIED, SHA2, DENIED]),
        case("u_expired", &["pw-expired"], [NeedsProtection, Err(1862), Err(1862), Err(1862)]),
        case("u_locked", &["pw-locked"], [NeedsProtection, Err(3118), Err(3118), Err(3118)]),
        case("u_nologin", &["pw-any"], [DENIED; 4]),
        // The server asks the socket who is there, and nobody anything.
        case("u_sock", &[""], [DENIED, DENIED, DENIED, SHA2]),
        // Unknown over TCP, where MySQL makes a plugin up for this name (H-44): sha256_password, or
        // with the plugins of the test suite another one, see `Case::allows`.
        case("u_2fa_sock", &["pw-1"], [NeedsProtection, Unverified, DENIED, SHA2]),
        case("u_clear", &["pw-clear"], proved(CLEAR)),
        case("u_2fa", &["pw-1", "pw-2"], [NeedsProtection, Unverified, CLEAR, CLEAR]),
        case("u_2fa", &["pw-1"], [NeedsProtection, Unverified, NoPassword, NoPassword]),
        case("u_3fa", &["pw-1", "pw-2", "pw-3"], [NeedsProtection, Unverified, CLEAR, CLEAR]),
        Case { answers: &["yes, of course"], ..case("u_dialog", &["Answer 1"], proved(DIALOG)) },
        Case { answers: &["Answer 1"], ..case("u_dialog3", &["wrong"], proved(DIALOG)) },
    ]
}

impl Case {
    /// Whether a way in may come to this.
    fn allows(&self, at: usize, outcome: Outcome) -> bool {
        let expected = self.outcomes[at];
        // What is made up for a name that is unknown depends on the plugins that the server has.
        let made_up = self.user == "u_2fa_sock" && expected == Outcome::Unverified;
        outcome == expected || made_up && outcome == DENIED
    }
}

fn mariadb(is_118: bool) -> Vec<Case> {
    use Outcome::*;

    // 11.8 has PAM ask through `dialog`, 10.11 is set up to take the password in the clear.
    let pam = if is_118 { DIALOG } else { CLEAR };
    let pam2 = if is_118 { DIALOG } else { AskedOn };
    // 10.11 ignores whom the account is for: it has to be called as the user of the system.
    let sock = if is_118 { [DENIED, DENIED, DENIED, NATIVE] } else { [NoAccount; 4] };
    let mut cases = vec![
        case("u_native", &["pw-native"], [NATIVE; 4]),
        case("u_native_empty", &[""], [NATIVE; 4]),
        case("u_ed25519", &["pw-ed25519"], [ED25519; 4]),
        case("u_parsec", &["pw-parsec"], if is_118 { [PARSEC; 4] } else { [NoAccount; 4] }),
        case("u_either", &["pw-a"], [ED25519; 4]),
        case(
            "u_either",
            &["pw-b"],
            if cfg!(feature = "ed25519") { [NATIVE; 4] } else { [ED25519; 4] },
        ),
        // The servers do not speak it themselves, unless `secure_auth` is off.
        case("u_old", &["pw-old"], [Err(1275); 4]),
        case("u_ssl", &["pw-ssl"], [DENIED, NATIVE, NATIVE, DENIED]),
        case("u_x509", &["pw-x509"], [DENIED, DENIED, NATIVE, DENIED]),
        case("u_subject", &["pw-x509"], [DENIED, DENIED, NATIVE, DENIED]),
        // Without disconnect_on_expired_password everybody comes into the sandbox.
        case("u_expired", &["pw-expired"], [NATIVE; 4]),
        case("u_locked", &["pw-locked"], [Err(4151); 4]),
        case("u_sock", &[""], sock),
        case("u_pam", &["pw-pam"], proved(pam)),
        Case { answers: &["1234"], ..case("u_pam2", &["pw-pam"], proved(pam2)) },
        case("u_clear", &["pw-clear"], proved(CLEAR)),
        Case { answers: &["yes, of course"], ..case("u_dialog", &["Answer 1"], proved(DIALOG)) },
        Case { answers: &["Answer 1"], ..case("u_dialog3", &["wrong"], proved(DIALOG)) },
    ];
    if !is_118 {
        for case in cases.iter_mut().filter(|case| case.outcomes[2] == NoAccount) {
            case.outcomes = [NoAccount; 4];
        }
    }
    cases
}

/// The accounts whose plugins come with the test-suite packages alone.
const OF_THE_TESTSUITE: [&str; 5] = ["u_clear", "u_2fa", "u_3fa", "u_dialog", "u_dialog3"];

/// What the search of the bytes looks for: the password and what servers store of it, which is as
/// good as the password to some.
fn secrets(password: &str) -> Vec<(&'static str, Vec<u8>)> {
    use sha1::Sha1;
    use sha2::{Digest, Sha256, Sha512};

    let password = password.as_bytes();
    let sha1 = |bytes: &[u8]| Sha1::digest(bytes).to_vec();
    let sha256 = |bytes: &[u8]| Sha256::digest(bytes).to_vec();
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    let mut all = vec![
        ("the password", password.to_vec()),
        ("SHA1(p)", sha1(password)),
        ("SHA1(SHA1(p))", sha1(&sha1(password))),
        ("SHA256(p)", sha256(password)),
        ("SHA256(SHA256(p))", sha256(&sha256(password))),
        ("SHA512(p), first half", Sha512::digest(password)[..32].to_vec()),
        ("SHA512(p), second half", Sha512::digest(password)[32..].to_vec()),
    ];
    let spelled: Vec<_> =
        all.iter().map(|(name, bytes)| (*name, hex(bytes).into_bytes())).collect();
    all.extend(spelled);
    all
}

/// Whether the way and the plugin let the password itself through to the socket.
fn may_show(way: Way, outcome: Outcome) -> bool {
    // Over TLS what is captured is encrypted.
    way == Way::Socket
        && !matches!(
            outcome,
            Outcome::In("mysql_native_password" | "client_ed25519" | "parsec" | "sha256_password")
        )
}

struct Attempt {
    outcome: Outcome,
    shown: String,
    written: Vec<u8>,
}

/// The configuration of an account over a way, through a capture.
async fn configured(target: &Target, case: &Case, way: Way) -> (Config, Capture) {
    let answers: &'static [&'static str] = case.answers;
    let config = target
        .account(case.user, case.passwords[0])
        .allow_clear_text_passwords(true)
        .answer_questions(move |question| {
            let at = question.number().checked_sub(1)?;
            answers.get(at).or_else(|| answers.last()).map(|answer| Secret::from(*answer))
        });
    let mut config = match case.passwords {
        [_, second, third] => config.password2(*second).password3(*third),
        [_, second] => config.password2(*second),
        _ => config,
    };
    let capture;
    if way == Way::Socket {
        let (own, path) = Capture::unix(target.server.socket.as_deref().unwrap());
        (capture, config) = (own, config.socket(path));
    } else {
        let (own, port) = Capture::tcp(target.server.port).await;
        (capture, config) = (own, config.port(port));
    }
    let certs = target.server.certs.as_deref().unwrap();
    config = match way {
        Way::Plain | Way::Socket => config,
        Way::TlsUnverified => config.ssl_mode(SslMode::Required),
        // Verified is both sides: some accounts ask for the client's certificate.
        Way::TlsVerified => config
            .ssl_mode(SslMode::VerifyIdentity)
            .ssl_ca_file(certs.join("ca.pem"))
            .ssl_cert_files(certs.join("client-cert.pem"), certs.join("client-key.pem")),
    };
    (config, capture)
}

/// One login; the server sees it through the capture.
async fn attempt(target: &Target, case: &Case, way: Way) -> Attempt {
    let (config, capture) = configured(target, case, way).await;
    let result = Session::connect_with(&config).await;
    judge(result, case, way, &config, &capture).await
}

/// One change to the account, from root's session.
async fn attempt_change(target: &Target, case: &Case, way: Way) -> Attempt {
    let (config, capture) = configured(target, case, way).await;
    let root = config.clone().user(target.user()).password("secret");
    let mut session = match Session::connect_with(&root).await {
        Ok(session) => session,
        Err(error) => panic!("root over {way:?}: {error}"),
    };
    let before = session.connection_id();
    let result = session.change_user(&config).await;
    let result = match result {
        Ok(()) => {
            assert_eq!(session.connection_id(), before);
            Ok(session)
        }
        Err(error) => {
            assert!(session.is_dead(), "{error}");
            Err(error)
        }
    };
    judge(result, case, way, &config, &capture).await
}

async fn judge(
    result: mywire::Result<Session>,
    case: &Case,
    way: Way,
    config: &Config,
    capture: &Capture,
) -> Attempt {
    let written = capture.written();
    let (outcome, shown) = match result {
        Ok(mut session) => {
            assert_eq!(session.is_encrypted(), !matches!(way, Way::Plain | Way::Socket));
            if case.user != "u_expired" {
                usable(&mut session).await;
                let who: String = session.fetch_one("SELECT CURRENT_USER()", ()).await.unwrap();
                assert_eq!(who.split('@').next(), Some(case.user));
            }
            (Outcome::In(session.auth_plugin()), format!("{session:?}"))
        }
        Err(error) => {
            assert!(error.is_fatal());
            let outcome = match &error {
                Error::Server(server) => Outcome::Err(server.code()),
                Error::Auth(AuthError::PasswordNeedsProtection) => Outcome::NeedsProtection,
                Error::Auth(AuthError::ChannelNotVerified { .. }) => Outcome::Unverified,
                Error::Auth(AuthError::PluginRefused { .. }) => Outcome::Refused,
                Error::Auth(AuthError::FactorWithoutPassword { .. }) => Outcome::NoPassword,
                Error::Auth(AuthError::UnexpectedData { .. }) => Outcome::AskedOn,
                Error::Auth(AuthError::FeatureOff { feature, .. }) => Outcome::Feature(feature),
                other => panic!("{} over {way:?}: {other}", case.user),
            };
            (outcome, format!("{error} {error:?} {error:#?}"))
        }
    };
    Attempt { outcome, shown: format!("{shown} {config:?} {config}"), written }
}

fn assert_nothing_leaks(case: &Case, way: Way, attempt: &Attempt) -> usize {
    let mut searched = 0;
    for password in case.passwords.iter().chain(case.answers).filter(|text| !text.is_empty()) {
        for (what, bytes) in secrets(password) {
            let found = |text: &[u8]| text.windows(bytes.len()).any(|part| part == bytes);
            let (user, outcome) = (case.user, attempt.outcome);
            // A number of four digits may stand in a dump for other reasons.
            if bytes.len() > 4 {
                assert!(!found(attempt.shown.as_bytes()), "{user} over {way:?} shows {what}");
            }
            let password_itself = what == "the password";
            if !(password_itself && (may_show(way, outcome) || bytes.len() <= 4)) {
                assert!(!found(&attempt.written), "{user} over {way:?} wrote {what}: {outcome}");
            }
            searched += 1;
        }
    }
    searched
}

/// T-03, A-30, A-31, A-54, A-56, E-28, E-31: the whole table.
#[test]
fn t03_s11_the_login_matrix() {
    let rows = Mutex::new(Vec::new());
    let searches = Mutex::new(0);
    each_server(async |target| {
        if !target.has_accounts() {
            return;
        }
        let mut root = target.local().await;
        let cases = match target.server.flavor {
            Flavor::MySql => mysql(),
            _ => mariadb(target.server.name == "mariadb118"),
        };
        let mut wrong = Vec::new();
        for case in &cases {
            let there: i64 = root
                .fetch_one("SELECT COUNT(*) FROM mysql.user WHERE User = ?", (case.user,))
                .await
                .unwrap();
            let mut row = [Outcome::NoAccount; 4];
            for (at, way) in WAYS.into_iter().enumerate() {
                let expected = case.outcomes[at];
                if there == 0 {
                    let of_the_testsuite = OF_THE_TESTSUITE.contains(&case.user);
                    row[at] = if of_the_testsuite { Outcome::NoPlugin } else { Outcome::NoAccount };
                    if row[at] != Outcome::NoPlugin && expected != Outcome::NoAccount {
                        wrong.push(format!("{} is not there", case.user));
                    }
                    continue;
                }
                // MySQL remembers who logged in over TLS, and then does not ask for the password:
                // what must be seen is what comes of a server that does not remember. Other tests
                // log in as the same accounts meanwhile, so it takes more than one attempt at times.
                let forgotten = expected == Outcome::NeedsProtection;
                let _lock = match expected {
                    _ if forgotten => Some(exclusively(target, "password cache").await),
                    _ if case.user == "u_old" => Some(exclusively(target, "secure_auth").await),
                    _ => None,
                };
                let mut got = None;
                for _ in 0..5 {
                    if forgotten {
                        root.execute("FLUSH PRIVILEGES", ()).await.unwrap();
                    }
                    let attempt = attempt(target, case, way).await;
                    *searches.lock().unwrap() += assert_nothing_leaks(case, way, &attempt);
                    let done = attempt.outcome == expected || !forgotten;
                    got = Some(attempt);
                    if done {
                        break;
                    }
                }
                let got = got.unwrap();
                row[at] = got.outcome;
                if !case.allows(at, got.outcome) {
                    let (user, outcome) = (case.user, got.outcome);
                    wrong.push(format!("{user} over {way:?}: {outcome} instead of {expected}"));
                }
            }
            rows.lock().unwrap().push((target.server.name.clone(), case.user, row));
        }
        print_rows(&rows.lock().unwrap(), &target.server.name);
        assert!(wrong.is_empty(), "{wrong:#?}");
    });
    let rows = rows.into_inner().unwrap();
    let searches = searches.into_inner().unwrap();
    println!("{} accounts, {searches} searches for a password or a hash of it", rows.len());
}

fn print_rows(rows: &[(String, &'static str, [Outcome; 4])], server: &str) {
    let mut text = format!(
        "{server:12} {:14}{:>14}{:>16}{:>14}{:>14}\n",
        "account", "plain TCP", "TLS unverified", "TLS verified", "Unix socket"
    );
    for (_, user, [plain, unverified, verified, socket]) in
        rows.iter().filter(|(name, ..)| name == server)
    {
        let [plain, unverified, verified, socket] =
            [plain, unverified, verified, socket].map(ToString::to_string);
        text +=
            &format!("{:12} {user:14}{plain:>14}{unverified:>16}{verified:>14}{socket:>14}\n", "");
    }
    println!("{text}");
}

/// A-57, K-40, K-41: the same accounts by a change of the user. MySQL asks for the client's
/// certificate at the login alone, and root's over a Unix socket has one as little as any.
#[test]
fn a57_the_matrix_by_a_change_of_the_user() {
    let logins = Mutex::new(0);
    each_server(async |target| {
        if !target.has_accounts() {
            return;
        }
        let mut root = target.local().await;
        let cases = match target.server.flavor {
            Flavor::MySql => mysql(),
            _ => mariadb(target.server.name == "mariadb118"),
        };
        let mut wrong = Vec::new();
        for case in &cases {
            let user = case.user;
            let there: i64 = root
                .fetch_one("SELECT COUNT(*) FROM mysql.user WHERE User = ?", (user,))
                .await
                .unwrap();
            for (at, way) in WAYS.into_iter().enumerate().skip(1) {
                // What is not there is in the other table.
                if there == 0 || user == "u_old" {
                    continue;
                }
                let expected = case.outcomes[at];
                let mut attempt = attempt_change(target, case, way).await;
                if user == "u_sock" && attempt.outcome == Outcome::In("") {
                    // Nobody was asked, so no plugin answered; a login names one in any case.
                    attempt.outcome = expected;
                }
                if !case.allows(at, attempt.outcome) {
                    let outcome = attempt.outcome;
                    wrong.push(format!("{user} over {way:?}: {outcome} instead of {expected}"));
                }
                assert_nothing_leaks(case, way, &attempt);
                *logins.lock().unwrap() += 1;
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    });
    println!("{} changes", logins.into_inner().unwrap());
}

/// a server that would speak the scheme of before 4.1 is refused, and not a byte of an answer
/// is written.
#[test]
fn a31_the_old_password_is_refused_where_the_server_would_speak_it() {
    each_server(async |target| {
        if !target.has_accounts() || target.server.flavor == Flavor::MySql {
            return;
        }
        let mut root = exclusively(target, "secure_auth").await;
        root.execute("SET GLOBAL secure_auth = OFF", ()).await.unwrap();
        let case = case("u_old", &["pw-old"], [Outcome::Refused; 4]);
        let attempt = attempt(target, &case, Way::Plain).await;
        root.execute("SET GLOBAL secure_auth = ON", ()).await.unwrap();
        assert_eq!(attempt.outcome, Outcome::Refused);
        assert!(attempt.shown.contains("set a new password on the server"), "{}", attempt.shown);
        assert_nothing_leaks(&case, Way::Plain, &attempt);
    });
}

/// mysql_native_password and sha256_password once more, as somebody outside would add them.
struct Native;
struct Sha256;

impl Plugin for Native {
    fn name(&self) -> &'static str {
        "mysql_native_password"
    }

    fn reveals_secret(&self) -> bool {
        false
    }

    fn start(&self) -> Box<dyn PluginExchange> {
        Box::new(Self)
    }
}

impl PluginExchange for Native {
    fn respond(&mut self, data: &[u8], context: &PluginContext<'_>) -> Result<Response, AuthError> {
        use sha1::{Digest, Sha1};

        OWN_ANSWERS.fetch_add(1, Ordering::Relaxed);
        let hash = Sha1::digest(context.secret()?.expose());
        let nonce = &data[..20];
        let mask = Sha1::digest([nonce, &Sha1::digest(hash)].concat());
        Ok(Response::send(hash.iter().zip(mask).map(|(a, b)| a ^ b).collect::<Vec<u8>>()))
    }
}

impl Plugin for Sha256 {
    fn name(&self) -> &'static str {
        "sha256_password"
    }

    fn start(&self) -> Box<dyn PluginExchange> {
        Box::new(Self)
    }
}

impl PluginExchange for Sha256 {
    fn respond(&mut self, _: &[u8], context: &PluginContext<'_>) -> Result<Response, AuthError> {
        OWN_ANSWERS.fetch_add(1, Ordering::Relaxed);
        Ok(Response::send([context.secret()?.expose(), b"\0"].concat()))
    }
}

static OWN_ANSWERS: AtomicUsize = AtomicUsize::new(0);

/// a plugin of the caller's goes before the built-in one, and real servers take its answer.
#[test]
fn a55_a_plugin_of_the_callers_logs_in() {
    each_server(async |target| {
        let Some(certs) = target.certs() else { return };
        let mysql = target.server.flavor == Flavor::MySql;
        let (user, password) =
            if mysql { ("u_sha256", "pw-sha256") } else { ("u_native", "pw-native") };
        let config = target
            .account(user, password)
            .ssl_mode(SslMode::VerifyIdentity)
            .ssl_ca_file(certs.join("ca.pem"))
            .auth_plugin(Native)
            .auth_plugin(Sha256);
        let before = OWN_ANSWERS.load(Ordering::Relaxed);
        let mut session = Session::connect_with(&config).await.unwrap();
        assert!(OWN_ANSWERS.load(Ordering::Relaxed) > before);
        usable(&mut session).await;
        session.change_user(&config).await.unwrap();
        usable(&mut session).await;
        assert_eq!(
            session.auth_plugin(),
            if mysql { "sha256_password" } else { "mysql_native_password" }
        );
        // What may reveal its secret is not asked where nobody has proved to be the server.
        if mysql {
            let error =
                Session::connect_with(&config.ssl_mode(SslMode::Required)).await.unwrap_err();
            assert!(matches!(error, Error::Auth(AuthError::ChannelNotVerified { .. })), "{error}");
        }
    });
}
