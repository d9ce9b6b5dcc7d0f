//! The comparison, and its clients without any counting.

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, rest)) if first == "client" => mywire_peers::client(rest, false),
        _ => mywire_peers::run(&arguments),
    }
}
