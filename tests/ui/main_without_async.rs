//! Only async code has a runtime.

#[context::main(worker_threads = 4)]
fn main() {}
