//! The function under the attribute: attributes and signature as syntax trees, the body as raw tokens.
//!
//! Knows what a function looks like, but not which functions can be a run.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{ParseStream, Parser as _};
use syn::{Attribute, Signature, Token, Visibility};

use crate::tokens::strip_invisible;

/// An annotated function.
#[derive(Clone)]
pub(crate) struct Function {
    /// Its attributes, ours excluded. Attributes that stood inside the body are here too.
    pub attrs: Vec<Attribute>,
    /// Its visibility.
    pub vis: Visibility,
    /// Its signature.
    pub sig: Signature,
    /// Its body with the braces.
    pub body: Group,
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for attr in &self.attrs {
            attr.to_tokens(tokens);
        }
        self.vis.to_tokens(tokens);
        self.sig.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}

/// Reads the function that `attribute` (as in "`#[task]`") stands on.
pub(crate) fn function(attribute: &str, item: TokenStream) -> syn::Result<Function> {
    let parser = |input: ParseStream<'_>| parse(attribute, input);
    parser.parse2(strip_invisible(item))
}

fn parse(attribute: &str, input: ParseStream<'_>) -> syn::Result<Function> {
    let attrs = input.call(Attribute::parse_outer)?;
    let vis: Visibility = input.parse()?;
    if let Some(kind) = other_item(input) {
        return Err(input.error(format!("`{attribute}` goes on a function, not on {kind}")));
    }
    let sig: Signature = input.parse()?;
    if input.peek(Token![;]) {
        return Err(input.error(format!(
            "`{attribute}` needs a function with a body; put it on the function that implements this one"
        )));
    }
    let TokenTree::Group(body) = input.parse()? else {
        return Err(syn::Error::new_spanned(&sig, "expected a body in braces"));
    };
    let (inner, body) = hoist_inner_attributes(visible(body));
    Ok(Function { attrs: attrs.into_iter().chain(inner).collect(), vis, sig, body })
}

/// The body itself, if a macro passed it on as `$body:block`.
fn visible(body: Group) -> Group {
    let mut tokens = body.stream().into_iter();
    match (body.delimiter(), tokens.next(), tokens.next()) {
        (Delimiter::None, Some(TokenTree::Group(inner)), None) => visible(inner),
        _ => body,
    }
}

/// Takes `#![..]` from the start of a body: they belong to the function wherever its body goes.
fn hoist_inner_attributes(body: Group) -> (Vec<Attribute>, Group) {
    let parser = |input: ParseStream<'_>| {
        Ok((input.call(Attribute::parse_inner)?, input.parse::<TokenStream>()?))
    };
    match parser.parse2(body.stream()) {
        Ok((attributes, rest)) if !attributes.is_empty() => {
            let attributes = attributes
                .into_iter()
                .map(|attribute| Attribute { style: syn::AttrStyle::Outer, ..attribute })
                .collect();
            let mut bare = Group::new(Delimiter::Brace, rest);
            bare.set_span(body.span());
            (attributes, bare)
        }
        _ => (Vec::new(), body),
    }
}

fn other_item(input: ParseStream<'_>) -> Option<&'static str> {
    let fork = input.fork();
    // `const fn`, `unsafe fn`, `unsafe impl`, ..
    if fork.peek(Token![unsafe]) {
        fork.parse::<Token![unsafe]>().ok()?;
    }
    if fork.peek(Token![const])
        && !fork.peek2(Token![fn])
        && !fork.peek2(Token![async])
        && !fork.peek2(Token![unsafe])
    {
        return Some("a constant");
    }
    [
        (fork.peek(Token![struct]), "a struct"),
        (fork.peek(Token![enum]), "an enum"),
        (fork.peek(Token![union]) && !fork.peek(Token![fn]), "a union"),
        (fork.peek(Token![trait]), "a trait; put it on its functions"),
        (fork.peek(Token![impl]), "an `impl` block; put it on its functions"),
        (fork.peek(Token![mod]), "a module; put it on its functions"),
        (fork.peek(Token![static]), "a static"),
        (fork.peek(Token![type]), "a type"),
        (fork.peek(Token![use]), "an import"),
        (fork.peek(Token![!]) || fork.peek2(Token![!]), "a macro"),
        (fork.peek(Token![let]), "a statement; write a nested function"),
        (fork.peek(Token![|]) || fork.peek(Token![move]), "a closure; write a nested function"),
    ]
    .into_iter()
    .find_map(|(found, kind)| found.then_some(kind))
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    fn error(item: TokenStream) -> String {
        function("#[task]", item).err().expect("not a function").to_string()
    }

    #[test]
    fn other_items_are_named() {
        assert_eq!(
            error(quote!(
                pub struct S;
            )),
            "`#[task]` goes on a function, not on a struct"
        );
        assert_eq!(
            error(quote!(impl S {})),
            "`#[task]` goes on a function, not on an `impl` block; put it on its functions"
        );
        assert!(
            error(quote!(
                fn f(&self);
            ))
            .contains("needs a function with a body")
        );
    }

    #[test]
    fn a_half_typed_body_is_kept() {
        let parsed =
            function("#[task]", quote!(fn f(x: u8) { x. let })).expect("the body is not parsed");
        assert_eq!(parsed.body.to_string(), "{ x . let }");
    }

    #[test]
    fn attributes_inside_the_body_are_the_functions() {
        let parsed = function(
            "#[task]",
            quote!(
                fn f() {
                    #![allow(unused)]
                    1
                }
            ),
        )
        .expect("a function");
        assert_eq!(parsed.attrs.len(), 1);
        assert_eq!(parsed.body.to_string(), "{ 1 }");
    }
}
