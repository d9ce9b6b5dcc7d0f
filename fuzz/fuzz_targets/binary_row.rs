#![no_main]

mywire_fuzz::target!(mywire_fuzz::rows::binary_row);
