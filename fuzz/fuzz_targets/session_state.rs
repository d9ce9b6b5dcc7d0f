#![no_main]

mywire_fuzz::target!(mywire_fuzz::session_state::session_state);
