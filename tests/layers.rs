//! The layers, proved by reading the sources: what is pure stays pure, and imports point down.

#![allow(missing_docs, reason = "a test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each module, and what it may import of the crate. A module that is not here fails the test.
///
/// The order is that of the layers, lowest first. `value` and `columns` know each other: a value is
/// its bytes and what its column says. `row` is above both; `config` above `auth`, whose policy it
/// makes.
const IMPORTS: [(&str, &[&str]); 22] = [
    ("wire", &[]),
    ("codec", &["wire"]),
    // Pages, without code.
    ("guide", &[]),
    ("secret", &[]),
    ("auth", &["secret"]),
    ("config", &["auth", "secret"]),
    ("error", &["auth", "config", "wire"]),
    ("value", &["columns", "error", "wire"]),
    ("columns", &["value", "wire"]),
    ("row", &["columns", "error", "value", "wire"]),
    ("attributes", &["error", "value", "wire"]),
    ("params", &["attributes", "error", "value", "wire"]),
    ("sql", &[]),
    ("named", &["error", "params", "sql", "value"]),
    (
        "proto",
        &["attributes", "auth", "columns", "config", "error", "row", "secret", "value", "wire"],
    ),
    ("tls_config", &["config", "secret"]),
    ("password_source", &["config", "secret"]),
    ("option_files", &["auth", "config", "secret"]),
    ("login", &["config", "error", "password_source", "proto", "tls_config", "wire"]),
    ("setup", &["config"]),
    (
        "session",
        &[
            "attributes",
            "columns",
            "config",
            "error",
            "named",
            "params",
            "proto",
            "row",
            "setup",
            "sql",
            "value",
            "wire",
        ],
    ),
    (
        "blocking",
        &["attributes", "columns", "config", "error", "params", "proto", "row", "session", "wire"],
    ),
];

/// Modules that never see a socket, a clock, a file, the environment or a runtime.
const PURE: [&str; 10] =
    ["wire", "attributes", "auth", "value", "params", "sql", "named", "proto", "columns", "row"];

const IMPURE: [&str; 9] = [
    "std::io",
    "std::net",
    "std::time",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "tokio",
    "Instant",
];

/// Files exempt from one word, with the reason.
const EXEMPT: [(&str, &str); 1] = [
    // `Read` and `Write` are the traits through which rustls takes slices; nothing is read from or
    // written to anywhere.
    ("proto/tls.rs", "std::io"),
];

/// A source file of the crate.
struct Source {
    /// Below `src`, with `/`.
    path: String,
    /// Its code outside of tests, comments and string literals.
    code: String,
    text: String,
}

impl Source {
    /// The module at the top of the crate that the file is part of; empty for `lib.rs`.
    fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        match first.strip_suffix(".rs") {
            Some("lib") => "",
            Some(name) => name,
            None => first,
        }
    }
}

/// What the page about the architecture names is there.
#[test]
fn the_architecture_page_names_what_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("src/guide/architecture.md")).unwrap();
    let places: Vec<&str> = page
        .split([' ', '`', '\n', '(', ')', ',', ';', ':'])
        .filter(|word| {
            ["src/", "tests/", "fuzz/", "examples/", "protocol-spec/"]
                .iter()
                .any(|top| word.starts_with(top))
        })
        .collect();
    assert!(places.len() > 20, "{places:?}");
    for place in places {
        assert!(root.join(place).exists(), "the page names {place}");
    }
}

#[test]
fn imports_point_down() {
    let mut broken = Vec::new();
    let mut used: BTreeSet<(String, String)> = BTreeSet::new();
    for source in sources().iter().filter(|source| !source.module().is_empty()) {
        let module = source.module();
        let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == module) else {
            broken.push(format!("src/{}: the module `{module}` has no layer", source.path));
            continue;
        };
        for import in imports(&source.code, depth(&source.path)) {
            used.insert((module.to_owned(), import.clone()));
            if import != module && !allowed.contains(&import.as_str()) {
                broken.push(format!("src/{}: `{module}` imports `{import}`", source.path));
            }
        }
    }
    assert_eq!(broken, [""; 0]);
    // A table that allows more than there is would let a layer slip.
    for (module, allowed) in IMPORTS {
        for import in allowed {
            let pair = (module.to_owned(), (*import).to_owned());
            assert!(used.contains(&pair), "nothing needs `{module}` to import `{import}`");
        }
    }
}

#[test]
fn pure_layers_see_no_socket_no_clock_and_no_file() {
    let mut broken = Vec::new();
    let mut exempted = BTreeSet::new();
    for source in sources() {
        if !PURE.contains(&source.module()) {
            continue;
        }
        for word in IMPURE.into_iter().chain(["SystemTime", "getrandom::"]) {
            if !mentions(&source.code, word) {
                continue;
            }
            if EXEMPT.contains(&(source.path.as_str(), word)) {
                exempted.insert((source.path.clone(), word));
            } else {
                broken.push(format!("src/{}: {word}", source.path));
            }
        }
    }
    assert_eq!(broken, [""; 0]);
    assert_eq!(exempted.len(), EXEMPT.len(), "an exemption that nothing needs");
    let tls = sources().into_iter().find(|source| source.path == "proto/tls.rs").expect("TLS");
    let uses: Vec<_> = tls.code.lines().filter(|line| line.contains("std::io")).collect();
    assert_eq!(uses, ["use std::io::{Read, Write};"]);
}

/// The runtime and sockets are the session's alone.
#[test]
fn tokio_is_the_sessions_alone() {
    let users: BTreeSet<_> = sources()
        .iter()
        .filter(|source| {
            ["tokio", "TcpStream", "rustix"].iter().any(|word| mentions(&source.code, word))
        })
        .map(|source| source.module().to_owned())
        .collect();
    assert_eq!(users, BTreeSet::from(["session".to_owned()]));
}

/// T-85: what is not configured is not looked up in the environment: one line reads it, by the name
/// that the configuration has, and two for whoever asks for option files or the clients' variables.
#[test]
fn t85_s18_the_environment_is_not_read() {
    let allowed = [
        ("password_source.rs", "let value = std::env::var_os(name).ok_or_else(|| {"),
        ("option_files/environment.rs", "std::env::var_os(name).filter(|value| !value.is_empty())"),
        ("option_files/environment.rs", "std::env::home_dir().filter(|home| home.is_absolute())"),
    ];
    let mut reads = 0;
    for source in sources() {
        for line in source.code.lines() {
            if allowed.contains(&(source.path.as_str(), line.trim())) {
                reads += 1;
                continue;
            }
            // Constants of the compiler, not of the process.
            let line = line.replace("std::env::consts::", "").replace("env!(", "");
            for word in ["std::env", "env::var", "env::args", "env::vars", "option_env"] {
                assert!(!line.contains(word), "src/{}: {line}", source.path);
            }
        }
    }
    assert_eq!(reads, allowed.len());
}

/// T-01: three files open files, by the names that the caller gave; no other can.
#[test]
fn t01_only_the_tls_configuration_the_password_and_option_files_open_files() {
    let mut opens = Vec::new();
    for source in sources() {
        for line in source.code.lines() {
            for word in ["std::fs", "fs::", "File::", "OpenOptions", "read_to_string", "tokio::fs"]
            {
                if line.contains(word) {
                    opens.push(source.path.clone());
                }
            }
        }
    }
    opens.dedup();
    assert_eq!(opens, ["option_files/source.rs", "password_source.rs", "tls_config.rs"]);
}

#[test]
fn there_is_no_unsafe_code() {
    for source in all_sources() {
        assert!(
            !mentions(&source.code.replace("unsafe_code", ""), "unsafe"),
            "src/{}",
            source.path
        );
    }
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    assert!(manifest.expect("the manifest").contains("unsafe_code = \"forbid\""));
}

/// T-51: what casts could cut off is the lints' to find, and the few exceptions have a reason.
#[test]
fn t51_a_cast_is_seen_by_the_lints() {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    assert!(manifest.expect("the manifest").contains("as_conversions = \"warn\""));
    for source in sources() {
        let exempt = mentions(&source.code, "as_conversions");
        // Of `wire`, only the tests are.
        let known =
            ["row/deserialize.rs", "value/number.rs", "wire/mod.rs"].contains(&&*source.path);
        assert!(!exempt || known, "src/{}", source.path);
    }
}

/// Every limit is a named constant with its reason, a documented field, and a setter.
#[test]
fn every_limit_is_documented() {
    let sources = sources();
    let limits = sources.iter().find(|source| source.path == "config/limits.rs").expect("limits");
    let lines: Vec<&str> = limits.text.lines().map(str::trim).collect();
    let documented = |at: usize| at > 0 && lines[at - 1].starts_with("///");
    let mut fields = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if let Some(field) = line.strip_prefix("pub max_") {
            assert!(documented(at), "{line}");
            fields.push(field.split(':').next().expect("a name").to_owned());
        }
    }
    assert!(fields.len() >= 9, "{fields:?}");
    for field in fields {
        let constant = format!("pub const DEFAULT_MAX_{}:", field.to_uppercase());
        let setter = format!("pub fn max_{field}(");
        for wanted in [constant, setter] {
            let at = lines.iter().position(|line| line.starts_with(&wanted));
            let at = at.unwrap_or_else(|| panic!("there is no `{wanted}`"));
            assert!(documented(at), "{wanted}");
        }
    }
}

#[test]
fn files_stay_readable() {
    for source in all_sources() {
        let lines = source.text.lines().count();
        assert!(lines <= 800, "src/{} has {lines} lines", source.path);
        assert!(
            source.text.starts_with("//!") || source.path.ends_with("tests.rs"),
            "{}",
            source.path
        );
    }
}

#[test]
fn nothing_is_left_to_do() {
    for source in all_sources() {
        for (number, line) in source.text.lines().enumerate() {
            for word in ["TODO", "FIXME", "XXX", "HACK", "todo!", "unimplemented!"] {
                assert!(!line.contains(word), "src/{}:{}: {line}", source.path, number + 1);
            }
        }
    }
}

/// The reader below is what the proofs rest on.
#[test]
fn the_reader_of_sources_sees_what_there_is() {
    let code = strip(
        "use a; // crate::no\nlet s = \"crate::no \\\" x\"; /* crate::no */ let c = '\"';\n\
                      let r = r#\"crate::no\"#; use crate::{yes, other::{no}, more as m};\n\
                      #[cfg(test)]\nmod tests { use crate::no; fn f() {} }\nuse crate::last;\n\
                      use super::super::above;\n",
    );
    assert!(!code.contains("no "), "{code}");
    let found = imports(&code, 1);
    let found: Vec<_> = found.iter().map(String::as_str).collect();
    assert_eq!(found, ["above", "last", "more", "other", "yes"]);
}

/// The modules of the crate that the code names, by `crate::` or by as many `super::` as lead to the
/// top from a module `depth` below it.
fn imports(code: &str, depth: usize) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for prefix in ["crate::".to_owned(), "super::".repeat(depth + 1)] {
        for (at, _) in code.match_indices(&prefix) {
            if code[..at].ends_with("super::") || code[..at].ends_with("$") {
                continue;
            }
            let rest = &code[at + prefix.len()..];
            if !rest.starts_with('{') {
                found.insert(word(rest));
                continue;
            }
            let mut nesting = 0;
            let mut expects = false;
            for (place, letter) in rest.char_indices() {
                match letter {
                    '{' => {
                        nesting += 1;
                        expects = nesting == 1;
                    }
                    '}' => nesting -= 1,
                    ',' => expects = nesting == 1,
                    letter if expects && !letter.is_whitespace() => {
                        found.insert(word(&rest[place..]));
                        expects = false;
                    }
                    _ => {}
                }
                if nesting == 0 {
                    break;
                }
            }
        }
    }
    // What is re-exported at the top, by its module.
    let found = found.into_iter().map(|name| match name.as_str() {
        "Limits" | "Config" => "config".to_owned(),
        "Error" | "Result" => "error".to_owned(),
        _ => name,
    });
    found.filter(|name| !name.is_empty() && name != "super" && name != "self").collect()
}

fn word(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

/// How many modules lie between the top of the crate and the code of a file.
fn depth(path: &str) -> usize {
    let parts = path.split('/').count();
    if path.ends_with("/mod.rs") { parts - 2 } else { parts - 1 }
}

/// Whether the word stands in the code, not as a part of a longer one.
fn mentions(code: &str, word: &str) -> bool {
    let part = |letter: char| letter.is_alphanumeric() || letter == '_';
    code.match_indices(word)
        .any(|(at, _)| !code[..at].ends_with(part) && !code[at + word.len()..].starts_with(part))
}

/// The library's sources: the program below `bin` is a crate of its own, over the public names.
fn sources() -> Vec<Source> {
    all_sources().into_iter().filter(|source| !source.path.starts_with("bin/")).collect()
}

fn all_sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    files.sort();
    assert!(files.len() > 40, "these are not the sources: {files:?}");
    let source = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).expect("a source file");
        let path =
            file.strip_prefix(&root).expect("below src").to_string_lossy().replace('\\', "/");
        let code = if path.ends_with("tests.rs") { String::new() } else { strip(&text) };
        Source { path, code, text }
    };
    files.into_iter().map(source).collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The code without comments, without what is in string literals, and without `mod tests`.
fn strip(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(raw) = rest.strip_prefix("r#\"") {
            raw.find("\"#").map_or(rest.len(), |end| end + 5)
        } else if letter == '"' {
            string_end(rest)
        } else if rest.starts_with("'\"'") {
            3
        } else if rest.starts_with("'\\\"'") {
            4
        } else {
            code.push(letter);
            rest = &rest[letter.len_utf8()..];
            continue;
        };
        code.push_str(if letter == '/' { "" } else { "\"\"" });
        rest = &rest[skipped..];
    }
    without_tests(&code)
}

/// Where the string literal ends that the text begins with.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn without_tests(code: &str) -> String {
    let Some(start) = code.find("mod tests {") else { return code.to_owned() };
    let mut nesting = 0;
    for (at, letter) in code[start..].char_indices() {
        match letter {
            '{' => nesting += 1,
            '}' if nesting == 1 => return format!("{}{}", &code[..start], &code[start + at + 1..]),
            '}' => nesting -= 1,
            _ => {}
        }
    }
    code[..start].to_owned()
}
