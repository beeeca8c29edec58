//! Syntax: what stands in the attribute, and the function it stands on.
//!
//! Parsing is tolerant. A malformed option is reported and the others are still read; the function's body is kept as
//! raw tokens, so that half-typed code expands as well. Nothing here knows what an option means.

mod arguments;
mod function;

pub(crate) use arguments::{Argument, arguments};
pub(crate) use function::{Function, function};
