#![no_main]
//! See `kanvas_core::sim::fuzz::room`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kanvas_core::sim::fuzz::room(bytes));
