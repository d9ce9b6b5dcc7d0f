#![no_main]

use mywire_fuzz::session::{METER, Meter, session};

#[global_allocator]
static ALLOCATOR: counting_alloc::Counting = counting_alloc::Counting;

libfuzzer_sys::fuzz_target!(
    init: {
        METER.set(Meter { start: counting_alloc::start, peak: counting_alloc::peak }).unwrap();
    },
    |data: &[u8]| session(data)
);
