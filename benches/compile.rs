//! Build time (placeholder until written).
fn main() {}
