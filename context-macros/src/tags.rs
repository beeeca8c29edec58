//! `tags!`: a block that runs with tags, or a set of tags.
//!
//! The block stays in place, as a block. In synchronous code a guard holds the tags. Where the block awaits, the tags
//! must leave the thread while the function is suspended, so every `.await` that belongs to the enclosing function is
//! rewritten to suspend them (`rewrite`). All of this works on raw tokens: the body is never parsed, and half-typed
//! code expands.

mod rewrite;
mod split;

use std::collections::BTreeSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Expr, Lit, Token};

use crate::diagnostics::Sink;
use crate::tokens::{generated_at, generated_braces};

/// Expands the macro.
pub(crate) fn run(input: TokenStream) -> TokenStream {
    let mut sink = Sink::default();
    let parts = match split::split(input) {
        Ok(parts) => parts,
        Err(error) => {
            sink.take(error);
            return braced(&sink.into_tokens());
        }
    };
    let tags = tags(parts.tags, &mut sink);
    let expansion = match parts.block {
        None => tags,
        Some(block) => {
            let guard = Ident::new("__context_scope", Span::mixed_site());
            let rewritten = rewrite::rewrite(block.stream(), &guard, &mut sink);
            let mut body = proc_macro2::Group::new(block.delimiter(), rewritten.tokens);
            body.set_span(block.span());
            let body = generated_braces(&body);
            if rewritten.awaits {
                quote!({
                    use ::context::__private::SuspendExt as _;
                    let mut #guard = ::context::__private::TagsBlock::enter(#tags);
                    #body
                })
            } else {
                let guard = Ident::new("__context_guard", Span::mixed_site());
                quote!({
                    let #guard = ::context::__private::enter_tags(#tags);
                    #body
                })
            }
        }
    };
    if sink.is_empty() {
        return expansion;
    }
    let errors = sink.into_tokens();
    braced(&quote!(#errors #expansion))
}

fn braced(tokens: &TokenStream) -> TokenStream {
    quote!({ #tokens })
}

/// The set of tags that a list of expressions stands for.
fn tags(list: TokenStream, sink: &mut Sink) -> TokenStream {
    let expressions = expressions(list);
    let mut literals = BTreeSet::new();
    let mut wrong = false;
    let mut all_literal = true;
    for expression in &expressions {
        match literal(expression) {
            Some(Lit::Str(text)) => {
                literals.insert(text.value());
            }
            Some(other) => {
                wrong = true;
                let text = other.to_token_stream().to_string().replace(['"', '\''], "");
                sink.at(&other, format!("a tag is text: write \"{text}\""));
            }
            None => all_literal = false,
        }
    }
    if all_literal || wrong {
        return quote!(::context::__private::Tags::literal(&[#(#literals),*]));
    }
    // Evaluated outside of the closure, so that `?` and `.await` in a tag are the enclosing function's.
    let names: Vec<Ident> = expressions
        .iter()
        .enumerate()
        .map(|(index, tokens)| {
            Ident::new(&format!("__context_tag{index}"), generated_at(tokens.span()))
        })
        .collect();
    let adds = names.iter().map(|name| quote_spanned!(name.span()=> __context_tags.add(#name);));
    let closure_argument = Ident::new("__context_tags", Span::mixed_site());
    quote! {
        match (#(#expressions,)*) {
            (#(#names,)*) => ::context::__private::Tags::collect(
                |#closure_argument: &mut ::context::__private::TagList| { #(#adds)* },
            ),
        }
    }
}

/// The expressions in a list, as tokens.
fn expressions(list: TokenStream) -> Vec<TokenStream> {
    match Punctuated::<Expr, Token![,]>::parse_terminated.parse2(list.clone()) {
        Ok(expressions) => expressions.into_iter().map(Expr::into_token_stream).collect(),
        // Half-typed: the compiler reports it, and completes in it.
        Err(_) => vec![list],
    }
}

fn literal(expression: &TokenStream) -> Option<Lit> {
    match syn::parse2::<Expr>(expression.clone()) {
        Ok(Expr::Lit(literal)) => Some(literal.lit),
        Ok(Expr::Group(group)) => literal(&group.expr.to_token_stream()),
        _ => None,
    }
}
