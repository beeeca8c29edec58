//! One runtime is enough.

#[context::main]
#[tokio::main]
async fn main() {}
