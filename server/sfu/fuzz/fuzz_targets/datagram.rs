#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| carillon_sfu::kit::targets::datagram(bytes));
