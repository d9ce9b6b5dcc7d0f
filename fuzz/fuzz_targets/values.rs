#![no_main]

mywire_fuzz::target!(mywire_fuzz::values::values);
