//! Questions about raw token streams, for code that must not or cannot be parsed.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};

/// `span`'s place in the user's file with our hygiene and edition.
///
/// Errors point at the user's code, but lints about style see generated code.
pub(crate) fn generated_at(span: Span) -> Span {
    span.resolved_at(Span::mixed_site())
}

/// A braced group with the same tokens that style lints (`unused_braces`) see as generated.
pub(crate) fn generated_braces(body: &Group) -> Group {
    let mut group = Group::new(Delimiter::Brace, body.stream());
    group.set_span(generated_at(body.span()));
    group
}

/// The tokens without the invisible group that a macro fragment such as `$item:item` arrives in.
pub(crate) fn strip_invisible(stream: TokenStream) -> TokenStream {
    let mut tokens = stream.clone().into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::None => {
            strip_invisible(group.stream())
        }
        _ => stream,
    }
}

/// True if `name` occurs anywhere in `stream`.
pub(crate) fn mentions(stream: TokenStream, name: &str) -> bool {
    stream.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == name,
        TokenTree::Group(group) => mentions(group.stream(), name),
        _ => false,
    })
}

/// True if a type has a lifetime in it, `'static` included, or a reference.
pub(crate) fn has_lifetimes(stream: TokenStream) -> bool {
    stream.into_iter().any(|token| match token {
        TokenTree::Punct(punct) => matches!(punct.as_char(), '&' | '\''),
        TokenTree::Group(group) => has_lifetimes(group.stream()),
        TokenTree::Ident(_) | TokenTree::Literal(_) => false,
    })
}

/// True if a type written like this borrows, or hides that it does: it has a reference or a lifetime other than
/// `'static`, or is an `impl Trait`.
///
/// References in the signature of a function type (`fn(&str)`, `Box<dyn Fn(&str)>`) borrow nothing.
pub(crate) fn borrows(stream: TokenStream) -> bool {
    let mut tokens = stream.into_iter().peekable();
    let mut callable = false;
    while let Some(token) = tokens.next() {
        let after_callable = std::mem::take(&mut callable);
        match token {
            TokenTree::Ident(ident) => {
                if ident == "impl" {
                    return true;
                }
                callable = ["fn", "Fn", "FnMut", "FnOnce", "AsyncFn", "AsyncFnMut", "AsyncFnOnce"]
                    .iter()
                    .any(|name| ident == name);
            }
            TokenTree::Punct(punct) if punct.as_char() == '&' => {
                let lifetime = tokens
                    .next_if(|next| matches!(next, TokenTree::Punct(p) if p.as_char() == '\''));
                if lifetime.is_none() || !is_static(tokens.next().as_ref()) {
                    return true;
                }
            }
            TokenTree::Punct(punct)
                if punct.as_char() == '\'' && !is_static(tokens.next().as_ref()) =>
            {
                return true;
            }
            TokenTree::Group(group)
                if !(after_callable && group.delimiter() == Delimiter::Parenthesis)
                    && borrows(group.stream()) =>
            {
                return true;
            }
            _ => {}
        }
    }
    false
}

fn is_static(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident == "static")
}

/// True if a generic parameter `name` is determined by a type written like this.
///
/// `T::Item` mentions `T` without determining it.
pub(crate) fn determines(stream: TokenStream, name: &proc_macro2::Ident) -> bool {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Ident(ident) if ident == name => {
            !matches!(
                (tokens.get(at + 1), tokens.get(at + 2)),
                (Some(TokenTree::Punct(a)), Some(TokenTree::Punct(b))) if a.as_char() == ':' && b.as_char() == ':'
            ) && !matches!(tokens.get(at + 1), Some(TokenTree::Ident(next)) if next == "as")
        }
        TokenTree::Group(group) => determines(group.stream(), name),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use quote::{format_ident, quote};

    use super::*;

    #[test]
    fn types_that_borrow_are_told_from_types_that_own() {
        for borrowed in [
            quote!(&str),
            quote!(Vec<&'a str>),
            quote!(Cow<'a, str>),
            quote!(impl Display),
            quote!((u8, &mut u8)),
            quote!(Box<dyn Fn(u8) -> u8 + 'a>),
        ] {
            assert!(borrows(borrowed.clone()), "{borrowed}");
        }
        for owned in [
            quote!(String),
            quote!(&'static str),
            quote!(Cow<'static, str>),
            quote!(Box<dyn Fn(&str) + Send>),
            quote!(fn(&u8)),
        ] {
            assert!(!borrows(owned.clone()), "{owned}");
        }
    }

    #[test]
    fn a_projection_does_not_determine_its_parameter() {
        let t = format_ident!("T");
        assert!(determines(quote!(Vec<T>), &t));
        assert!(!determines(quote!(T::Item), &t));
        assert!(!determines(quote!(<T as Iterator>::Item), &t));
    }
}
