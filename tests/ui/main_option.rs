//! The entry point lists its options.

#[context::main(worker_thread = 4)]
async fn main() {}
