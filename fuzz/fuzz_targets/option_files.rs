#![no_main]

mywire_fuzz::target!(mywire_fuzz::option_files::option_files);
