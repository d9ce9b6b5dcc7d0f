#![no_main]

mywire_fuzz::target!(mywire_fuzz::server_side::server_side);
