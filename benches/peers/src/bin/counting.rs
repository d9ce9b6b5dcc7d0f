//! The clients with an allocator that counts.

#[global_allocator]
static ALLOCATOR: counting_alloc::Counting = counting_alloc::Counting;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    mywire_peers::client(&arguments, true);
}
