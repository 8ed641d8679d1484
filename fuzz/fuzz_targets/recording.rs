#![no_main]
//! See `kanvas_core::sim::fuzz::recording`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kanvas_core::sim::fuzz::recording(bytes));
