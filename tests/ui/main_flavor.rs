//! There are two flavors.

#[context::main(flavor = "threads")]
async fn main() {}
