//! A program's entry point has no parameters.

#[context::main]
async fn main(x: u8) {}
