//! The inside of an attribute: `"value", name = value, ..`.
//!
//! Splits the tokens into arguments and reports those that are not well formed. Knows no option by name.

use proc_macro2::{Ident, TokenStream};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Expr, Token};

use crate::diagnostics::Sink;

/// One argument of an attribute.
pub(crate) enum Argument {
    /// `name = value`.
    Named {
        /// What stands before the `=`.
        name: Ident,
        /// What stands behind it.
        value: Box<Expr>,
    },
    /// A value without a name.
    Value(Box<Expr>),
}

/// Splits the inside of an attribute into its arguments.
pub(crate) fn arguments(tokens: TokenStream, sink: &mut Sink) -> Vec<Argument> {
    let mut arguments = Vec::new();
    let parser = |input: ParseStream<'_>| -> syn::Result<()> {
        while !input.is_empty() {
            let ahead = input.fork();
            match argument(&ahead) {
                Ok(argument) if ahead.is_empty() || ahead.peek(Token![,]) => {
                    arguments.push(argument);
                }
                Ok(argument) => sink.take(unexpected(&argument, &ahead)),
                Err(error) => sink.take(error),
            }
            skip_past_comma(input)?;
        }
        Ok(())
    };
    if let Err(error) = parser.parse2(tokens) {
        sink.take(error);
    }
    arguments
}

fn argument(input: ParseStream<'_>) -> syn::Result<Argument> {
    let named = input.peek(Ident::peek_any)
        && input.peek2(Token![=])
        && !input.peek2(Token![==])
        && !input.peek2(Token![=>]);
    if !named {
        return input.parse().map(Argument::Value);
    }
    let name = input.call(Ident::parse_any)?;
    let equals: Token![=] = input.parse()?;
    if input.is_empty() || input.peek(Token![,]) {
        return Err(syn::Error::new_spanned(
            equals,
            format!("`{name}` has no value; write `{name} = value`"),
        ));
    }
    let value = input.parse()?;
    Ok(Argument::Named { name, value })
}

/// What to say about tokens that follow an argument but are no comma.
fn unexpected(argument: &Argument, rest: ParseStream<'_>) -> syn::Error {
    let name = match argument {
        Argument::Value(value) => match &**value {
            Expr::Path(path) => path.path.get_ident(),
            _ => None,
        },
        Argument::Named { .. } => None,
    };
    match name {
        Some(name) => {
            rest.error(format!("options are written `name = value`; write `{name} = ..`"))
        }
        None => rest.error("expected `,` between options"),
    }
}

/// Moves to the next argument, whatever the current one looks like.
///
/// An argument that parses is skipped as a whole, since commas may stand inside (`f::<A, B>()`).
fn skip_past_comma(input: ParseStream<'_>) -> syn::Result<()> {
    let ahead = input.fork();
    if argument(&ahead).is_ok() {
        syn::parse::discouraged::Speculative::advance_to(input, &ahead);
    }
    while !input.is_empty() {
        if input.parse::<Option<Token![,]>>()?.is_some() {
            break;
        }
        input.parse::<proc_macro2::TokenTree>()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    fn parsed(tokens: TokenStream) -> (usize, Vec<String>) {
        let mut sink = Sink::default();
        let arguments = arguments(tokens, &mut sink);
        (arguments.len(), sink.messages())
    }

    #[test]
    fn arguments_are_split_at_their_own_commas() {
        assert_eq!(parsed(quote!("a", b = f::<A, B>(1, 2), crate = ::x,)), (3, vec![]));
    }

    #[test]
    fn every_malformed_argument_is_reported_and_the_others_are_kept() {
        let (kept, errors) =
            parsed(quote!(retries =, name = "x", timeout: 3, tags = "a" "b", version = "1"));
        assert_eq!(kept, 2);
        assert_eq!(
            errors,
            [
                "`retries` has no value; write `retries = value`",
                "options are written `name = value`; write `timeout = ..`",
                "expected `,` between options",
            ]
        );
    }
}
