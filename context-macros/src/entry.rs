//! The border to the compiler: converts token streams and catches panics.
//!
//! A panic in a macro is a bug of ours. It becomes an error that says so, and the user's item is still emitted, so that
//! the rest of the program is checked as usual. Nothing else in the crate knows that a compiler calls it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;

/// Runs an attribute macro.
pub(crate) fn attribute(
    name: &str,
    arguments: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
    expand: impl FnOnce(TokenStream, TokenStream) -> TokenStream,
) -> proc_macro::TokenStream {
    let unchanged = item.clone();
    match catch_unwind(AssertUnwindSafe(|| expand(arguments.into(), item.into()))) {
        Ok(expansion) => expansion.into(),
        Err(panic) => {
            let mut tokens = bug(&format!("#[{name}]"), &*panic);
            tokens.extend(TokenStream::from(unchanged));
            tokens.into()
        }
    }
}

/// Runs a function-like macro.
pub(crate) fn function(
    name: &str,
    input: proc_macro::TokenStream,
    expand: impl FnOnce(TokenStream) -> TokenStream,
) -> proc_macro::TokenStream {
    match catch_unwind(AssertUnwindSafe(|| expand(input.into()))) {
        Ok(expansion) => expansion.into(),
        Err(panic) => bug(name, &*panic).into(),
    }
}

fn bug(name: &str, panic: &(dyn Any + Send)) -> TokenStream {
    let cause = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let message = format!(
        "`{name}` failed on this input: {cause}; this is a bug in `context`, please report it"
    );
    quote_spanned!(Span::call_site() => ::core::compile_error! { #message })
}

#[cfg(test)]
mod tests {
    use super::bug;

    #[test]
    fn a_panic_is_reported_as_our_bug() {
        let message = bug("#[task]", &"index out of bounds").to_string();
        assert!(
            message.contains("`#[task]` failed on this input: index out of bounds; this is a bug")
        );
    }
}
