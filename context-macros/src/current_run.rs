//! `current_run!()`: the run that the code is in.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

/// Expands the macro.
pub(crate) fn run(input: TokenStream) -> TokenStream {
    let mut tokens = input.into_iter();
    let (first, rest) = (tokens.next(), tokens.next());
    match (&first, &rest) {
        (None, _) => quote!(::context::__private::current_run()),
        (Some(TokenTree::Ident(kind)), None) if kind == "flow" => {
            quote!(::context::__private::current_flow_run())
        }
        (Some(TokenTree::Ident(kind)), None) if kind == "task" => {
            quote!(::context::__private::current_task_run())
        }
        _ => {
            let fault = rest.or(first).map_or_else(Span::call_site, |token| token.span());
            quote_spanned!(fault=> ::core::compile_error! {
                "unsupported form; write `current_run!()`, `current_run!(flow)` or `current_run!(task)`"
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_forms_list_the_supported_ones() {
        for wrong in [quote!(flows), quote!(flow, task), quote!("flow")] {
            assert!(run(wrong).to_string().contains("`current_run!(task)`"));
        }
    }
}
