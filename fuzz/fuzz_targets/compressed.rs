#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mywire_fuzz::compressed::compressed(data));
