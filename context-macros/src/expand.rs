//! Expansion: from the model to tokens. Cannot fail and decides nothing about the user's intent.
//!
//! A free function becomes a call into core, a handle type of the same name with the user's function verbatim as
//! `__context_body`, and the trait impl by which core runs it (`handle`). A method, or a function without a handle,
//! keeps its body in place (`inline`). Both are built from the same parts (`parts`).

mod attributes;
mod definition;
mod handle;
mod inline;
mod parts;

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::Run;

/// Everything that the attribute turns the function into.
pub(crate) fn run(run: &Run) -> TokenStream {
    match &run.handle {
        Some(handle) => handle::expand(run, handle),
        None => inline::expand(run),
    }
}

/// A handle that does nothing, for functions that cannot be expanded.
pub(crate) fn stub(run: &Run) -> TokenStream {
    match &run.handle {
        Some(handle) => {
            let item = parts::handle_type(run, handle);
            quote!(#item)
        }
        None => TokenStream::new(),
    }
}
