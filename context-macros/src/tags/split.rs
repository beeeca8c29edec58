//! The parts of a `tags!` invocation: a list of expressions and perhaps a block.
//!
//! Forms: `"a", "b", { .. }` (the documented one; also `;`, `=>` or nothing before the block), `("a", "b") < .. >`,
//! `"a", "b"`, `{ .. }`. Only looks at the outermost tokens.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};

use crate::tokens::strip_invisible;

const FORM: &str = "tags!(\"a\", \"b\", { .. })";

/// An invocation, taken apart.
pub(super) struct Parts {
    /// The expressions between the separators.
    pub tags: TokenStream,
    /// The block, in braces.
    pub block: Option<Group>,
}

/// Takes an invocation apart.
pub(super) fn split(input: TokenStream) -> syn::Result<Parts> {
    let mut tokens: Vec<TokenTree> = input.into_iter().collect();
    if let Some(parts) = angled(&tokens) {
        return Ok(parts);
    }
    let last_separator = tokens.iter().rposition(is_separator);
    let segment = &tokens[last_separator.map_or(0, |at| at + 1)..];
    match segment {
        [] => {
            // A trailing comma is fine; the others announce a block.
            if let Some(separator) = tokens.last().filter(|last| !is(last, ',')) {
                return Err(error(
                    separator.span(),
                    &format!("expected a block after this: write `{FORM}`"),
                ));
            }
            Ok(Parts { tags: tokens.into_iter().collect(), block: None })
        }
        [only] => match braces(only) {
            Some(block) => {
                tokens.pop();
                strip_separator(&mut tokens);
                Ok(Parts { tags: tokens.into_iter().collect(), block: Some(block) })
            }
            None => without_block(tokens),
        },
        [first, .., last] => {
            let before = &segment[segment.len() - 2];
            if let Some(problem) = wrong_block(first, segment) {
                return Err(error(first.span(), &problem));
            }
            match braces(last).filter(|_| !belongs_to_expression(first, before)) {
                Some(block) => {
                    tokens.pop();
                    Ok(Parts { tags: tokens.into_iter().collect(), block: Some(block) })
                }
                None => without_block(tokens),
            }
        }
    }
}

/// `("a", "b") < .. >`.
fn angled(tokens: &[TokenTree]) -> Option<Parts> {
    let [TokenTree::Group(tags), open, body @ .., close] = tokens else { return None };
    if tags.delimiter() != Delimiter::Parenthesis || !is(open, '<') || !is(close, '>') {
        return None;
    }
    let mut block = Group::new(Delimiter::Brace, body.iter().cloned().collect());
    block.set_span(body.first().map_or_else(|| open.span(), TokenTree::span));
    Some(Parts { tags: tags.stream(), block: Some(block) })
}

fn without_block(tokens: Vec<TokenTree>) -> syn::Result<Parts> {
    if let Some(separator) = tokens.iter().enumerate().find_map(|(at, token)| {
        let arrow = is(token, '=') && tokens.get(at + 1).is_some_and(|next| is(next, '>'));
        (is(token, ';') || arrow).then_some(token)
    }) {
        return Err(error(
            separator.span(),
            &format!("expected a block in braces after this: write `{FORM}`"),
        ));
    }
    if let [TokenTree::Ident(name), equals, ..] = &*tokens
        && is(equals, '=')
        && !tokens.get(2).is_some_and(|next| is(next, '='))
    {
        return Err(error(name.span(), &format!("tags have no names: write `{FORM}`")));
    }
    Ok(Parts { tags: tokens.into_iter().collect(), block: None })
}

/// What is wrong with a last part that is meant as a block but is none.
fn wrong_block(first: &TokenTree, segment: &[TokenTree]) -> Option<String> {
    let TokenTree::Ident(keyword) = first else {
        return is(first, '|').then(|| {
            "a closure is not a block: write `tags!(\"a\", { .. })`, or `tags!(\"a\").in_scope(|| ..)`".to_owned()
        });
    };
    let second = segment.get(1);
    if keyword == "async" {
        return Some(
            "an `async` block is not run here: write `tags!(\"a\", { .. })`, or `tags!(\"a\").scope(async { .. })`"
                .to_owned(),
        );
    }
    if keyword == "move" && second.is_some_and(|token| is(token, '|')) {
        return Some(
            "a closure is not a block: write `tags!(\"a\", { .. })`, or `tags!(\"a\").in_scope(move || ..)`".to_owned(),
        );
    }
    None
}

/// True if the braces at the end of a part are the end of an expression: `if x { .. }`, `S { .. }`, `m! { .. }`.
fn belongs_to_expression(first: &TokenTree, before: &TokenTree) -> bool {
    let keyword = matches!(first, TokenTree::Ident(first) if
        ["if", "match", "unsafe", "loop", "while", "for", "const"].iter().any(|keyword| first == keyword));
    let type_name = matches!(before, TokenTree::Ident(name) if
        name.to_string().starts_with(|c: char| c.is_uppercase()));
    keyword || type_name || is(before, '!')
}

/// The block that a token is, unless it is something else.
fn braces(token: &TokenTree) -> Option<Group> {
    let TokenTree::Group(group) = token else { return None };
    match group.delimiter() {
        Delimiter::Brace => Some(group.clone()),
        // `$b:block` of the user's own macro.
        Delimiter::None => {
            let inner = strip_invisible(group.stream());
            let mut tokens = inner.into_iter();
            match (tokens.next(), tokens.next()) {
                (Some(TokenTree::Group(inner)), None) if inner.delimiter() == Delimiter::Brace => {
                    Some(inner)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// Removes `,`, `;` or `=>` from the end.
fn strip_separator(tokens: &mut Vec<TokenTree>) {
    if tokens.last().is_some_and(|last| is(last, '>')) {
        tokens.pop();
    }
    if tokens.last().is_some_and(|last| is(last, '=') || is(last, ';') || is(last, ',')) {
        tokens.pop();
    }
}

/// True for the end of a part. The `>` of `=>` is one; that of a path (`f::<A>()`) is followed by more of the part.
fn is_separator(token: &TokenTree) -> bool {
    is(token, ',') || is(token, ';') || is(token, '>')
}

fn is(token: &TokenTree, punct: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == punct)
}

fn error(span: Span, message: &str) -> syn::Error {
    syn::Error::new(span, message)
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    fn parts(input: TokenStream) -> (String, Option<String>) {
        let parts = split(input).expect("a supported form");
        (parts.tags.to_string(), parts.block.map(|block| block.to_string()))
    }

    fn problem(input: TokenStream) -> String {
        split(input).err().expect("an unsupported form").to_string()
    }

    #[test]
    fn every_spelling_of_a_block_is_read() {
        let expected = (quote!("a", b).to_string(), Some("{ f () ; }".to_owned()));
        for spelling in [
            quote!("a", b, {
                f();
            }),
            quote!("a", b; { f(); }),
            quote!("a", b => { f(); }),
            quote!("a", b { f(); }),
            quote!(("a", b) < f(); >),
        ] {
            assert_eq!(parts(spelling.clone()), expected, "{spelling}");
        }
        assert_eq!(parts(quote!({ 1 })), (String::new(), Some("{ 1 }".to_owned())));
    }

    #[test]
    fn braces_of_an_expression_are_no_block() {
        for expression in [
            quote!("a", if x { "b" } else { "c" }),
            quote!(match k {
                _ => "b",
            }),
            quote!("a", Tag { name: "x" }),
            quote!(vec! { "a" }),
        ] {
            assert_eq!(parts(expression.clone()).1, None, "{expression}");
        }
        assert_eq!(parts(quote!(if x { "b" } else { "c" }, { 1 })).1.as_deref(), Some("{ 1 }"));
    }

    #[test]
    fn wrong_forms_show_the_right_one() {
        for wrong in [quote!("a" =>), quote!("a"; f()), quote!(name = "a")] {
            assert!(problem(wrong.clone()).contains(FORM), "{wrong}");
        }
        assert!(problem(quote!("a", async { 1 })).contains(".scope("));
        assert!(problem(quote!("a", || 1)).contains(".in_scope("));
        assert!(problem(quote!("a", move || { 1 })).contains(".in_scope(move"));
    }
}
