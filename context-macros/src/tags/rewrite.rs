//! Rewrites `x.await` to `x.__context_suspend(&mut guard).await`.
//!
//! Only awaits of the enclosing function count: nested `async` blocks, `async` closures and functions are somebody
//! else's. Bodies of macros are rewritten if the macro is known to take plain expressions; of others, nothing is known.
//! `join!` and `try_join!` await inside and are suspended as a whole; `select!` cannot be, since its branches are code
//! of the enclosing function.

use std::iter::Peekable;

use proc_macro2::{Delimiter, Group, Ident, Spacing, Span, TokenStream, TokenTree, token_stream};
use quote::quote_spanned;

use crate::diagnostics::Sink;
use crate::tokens::generated_at;

/// Macros whose bodies are expressions of the enclosing function.
const EXPRESSION_MACROS: &[&str] = &[
    "anyhow",
    "assert",
    "assert_eq",
    "assert_ne",
    "bail",
    "dbg",
    "debug",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "ensure",
    "eprint",
    "eprintln",
    "error",
    "event",
    "format",
    "format_args",
    "info",
    "json",
    "log",
    "matches",
    "panic",
    "pin",
    "print",
    "println",
    "tags",
    "todo",
    "trace",
    "unimplemented",
    "unreachable",
    "vec",
    "warn",
    "write",
    "writeln",
];

/// A rewritten body.
pub(super) struct Rewritten {
    pub tokens: TokenStream,
    /// True if the body awaits anything.
    pub awaits: bool,
}

/// Rewrites the awaits in the body of a block whose tags `guard` holds.
pub(super) fn rewrite(body: TokenStream, guard: &Ident, sink: &mut Sink) -> Rewritten {
    let mut rewriter = Rewriter { guard, awaits: false, sink };
    let tokens = rewriter.stream(body);
    Rewritten { tokens, awaits: rewriter.awaits }
}

type Tokens = Peekable<token_stream::IntoIter>;

struct Rewriter<'a> {
    guard: &'a Ident,
    awaits: bool,
    sink: &'a mut Sink,
}

impl Rewriter<'_> {
    fn stream(&mut self, stream: TokenStream) -> TokenStream {
        let mut out: Vec<TokenTree> = Vec::new();
        let mut tokens = stream.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(ident) if is_field_access(&out) => {
                    if ident == "await" {
                        self.suspend(&mut out, ident.span());
                    }
                    out.push(ident.into());
                }
                TokenTree::Ident(ident) if ident == "async" => {
                    out.push(ident.into());
                    skip_async(&mut out, &mut tokens);
                }
                TokenTree::Ident(ident) if ident == "fn" => {
                    out.push(ident.into());
                    if matches!(tokens.peek(), Some(TokenTree::Ident(_))) {
                        skip_to_braces(&mut out, &mut tokens);
                    }
                }
                TokenTree::Ident(ident) if is_bang(tokens.peek()) => {
                    self.invocation(ident, &mut out, &mut tokens);
                }
                TokenTree::Group(group) => out.push(self.group(&group).into()),
                other => out.push(other),
            }
        }
        out.into_iter().collect()
    }

    fn group(&mut self, group: &Group) -> Group {
        let mut rewritten = Group::new(group.delimiter(), self.stream(group.stream()));
        rewritten.set_span(group.span());
        rewritten
    }

    /// Puts the call behind the `.` that is the last token and in front of the calls of enclosing blocks.
    fn suspend(&mut self, out: &mut Vec<TokenTree>, span: Span) {
        self.awaits = true;
        let dot = out.pop();
        let at = before_suspensions(out);
        let call = self.call(span);
        out.splice(at..at, call);
        out.extend(dot);
    }

    fn call(&self, span: Span) -> TokenStream {
        let guard = self.guard;
        quote_spanned!(generated_at(span)=> .__context_suspend(&mut #guard))
    }

    /// `name!(..)`, of which `name` was read.
    fn invocation(&mut self, name: Ident, out: &mut Vec<TokenTree>, tokens: &mut Tokens) {
        let bang = tokens.next();
        let Some(TokenTree::Group(body)) =
            tokens.next_if(|next| matches!(next, TokenTree::Group(_)))
        else {
            // `a != b`, `macro_rules! name { .. }`.
            let definition = name == "macro_rules";
            out.push(name.into());
            out.extend(bang);
            if definition {
                skip_to_braces(out, tokens);
            }
            return;
        };
        let text = name.to_string();
        match text.as_str() {
            "join" | "try_join" => {
                self.awaits = true;
                let span = name.span();
                let path = take_path(out);
                let call = self.call(span);
                out.extend(quote_spanned!(generated_at(span)=> (async { #(#path)* #name #bang #body })#call.await));
            }
            "select" | "select_biased" | "select_loop" if !is_crossbeam(out) => {
                self.sink.at(
                    &name,
                    format!(
                        "`{text}!` hides its awaits from a block of `tags!`; write `tags!(..).scope(async {{ {text}! {{ \
                         .. }} }}).await` instead of the block"
                    ),
                );
                out.push(name.into());
                out.extend(bang);
                out.push(body.into());
            }
            _ => {
                let plain = EXPRESSION_MACROS.contains(&text.as_str());
                out.push(name.into());
                out.extend(bang);
                out.push(if plain { self.group(&body) } else { body }.into());
            }
        }
    }
}

/// True if the last token is the `.` of a field access or method call, not of a range.
fn is_field_access(out: &[TokenTree]) -> bool {
    let dot = |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(dot)) if dot.as_char() == '.');
    let joint = |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(dot)) if dot.as_char() == '.' && dot.spacing() == Spacing::Joint);
    let (last, before) = (out.last(), out.len().checked_sub(2).and_then(|at| out.get(at)));
    dot(last) && !joint(before)
}

fn is_bang(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Punct(bang)) if bang.as_char() == '!')
}

/// Where the calls that enclosing blocks have added begin.
fn before_suspensions(out: &[TokenTree]) -> usize {
    let mut end = out.len();
    while end >= 3
        && let [.., TokenTree::Punct(dot), TokenTree::Ident(name), TokenTree::Group(_)] =
            &out[..end]
        && dot.as_char() == '.'
        && name == "__context_suspend"
    {
        end -= 3;
    }
    end
}

/// Removes the path in front of a macro's name: `tokio::` of `tokio::join!`.
fn take_path(out: &mut Vec<TokenTree>) -> Vec<TokenTree> {
    let colon = |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(colon)) if colon.as_char() == ':');
    let mut at = out.len();
    while at >= 2 && colon(out.get(at - 1)) && colon(out.get(at - 2)) {
        at -= 2;
        if at >= 1 && matches!(out.get(at - 1), Some(TokenTree::Ident(_))) {
            at -= 1;
        }
    }
    out.split_off(at)
}

fn is_crossbeam(out: &[TokenTree]) -> bool {
    let path = take_path(&mut out.to_vec());
    path.iter().any(|token| matches!(token, TokenTree::Ident(ident) if ident.to_string().starts_with("crossbeam")))
}

/// Passes on an `async` block, closure or function, of which `async` was read.
fn skip_async(out: &mut Vec<TokenTree>, tokens: &mut Tokens) {
    out.extend(tokens.next_if(|next| matches!(next, TokenTree::Ident(word) if word == "move")));
    match tokens.peek() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            out.extend(tokens.next());
        }
        // A function: the next round sees its `fn`.
        Some(TokenTree::Ident(_)) => {}
        Some(TokenTree::Punct(bar)) if bar.as_char() == '|' => {
            // A closure: its parameters, then a block or an expression up to the end of the part.
            out.extend(tokens.next());
            for token in tokens.by_ref() {
                let end = matches!(&token, TokenTree::Punct(bar) if bar.as_char() == '|');
                out.push(token);
                if end {
                    break;
                }
            }
            let ends = |token: &TokenTree| matches!(token, TokenTree::Punct(end) if end.as_char() == ',' || end.as_char() == ';');
            while let Some(token) = tokens.next_if(|next| !ends(next)) {
                let block = matches!(&token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
                out.push(token);
                if block {
                    break;
                }
            }
        }
        _ => {}
    }
}

/// Passes on tokens up to and with the next braces.
fn skip_to_braces(out: &mut Vec<TokenTree>, tokens: &mut Tokens) {
    for token in tokens.by_ref() {
        let end = match &token {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            // A function without a body.
            TokenTree::Punct(punct) => punct.as_char() == ';',
            _ => false,
        };
        out.push(token);
        if end {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use quote::{format_ident, quote};

    use super::*;

    fn rewritten(body: TokenStream) -> (String, bool) {
        let mut sink = Sink::default();
        let rewritten = rewrite(body, &format_ident!("g"), &mut sink);
        assert!(sink.is_empty());
        (rewritten.tokens.to_string(), rewritten.awaits)
    }

    fn unchanged(body: TokenStream) {
        assert_eq!(rewritten(body.clone()), (body.to_string(), false));
    }

    #[test]
    fn awaits_of_the_function_are_rewritten_wherever_they_stand() {
        let (tokens, awaits) = rewritten(quote!({
            let v = f(a.await).await?;
            format!("{}", [g.h().await]);
        }));
        assert!(awaits);
        let expected = quote!({
            let v = f(a.__context_suspend(&mut g).await).__context_suspend(&mut g).await?;
            format!("{}", [g.h().__context_suspend(&mut g).await]);
        });
        assert_eq!(tokens, expected.to_string());
    }

    #[test]
    fn awaits_of_others_are_left_alone() {
        unchanged(quote!({ spawn(async move { a.await }) }));
        unchanged(quote!({
            let f = async |x| x.await;
            let g = async |x| x.await;
        }));
        unchanged(quote!({
            async fn f() -> u8 {
                a.await
            }
        }));
        unchanged(quote!({
            fn f() {
                let x = async { a.await };
            }
        }));
        unchanged(quote!({
            stream! { yield a.await; }
        }));
        unchanged(quote!({
            if a != b {
                c.awaits()
            }
        }));
    }

    #[test]
    fn a_function_pointer_does_not_hide_what_follows() {
        assert!(rewritten(quote!(let f: fn(u8) = h; { a.await })).1);
    }

    #[test]
    fn the_outermost_block_is_resumed_first() {
        let outer = rewritten(quote!(tags!("b", { a.await }))).0;
        let inner = outer
            .replace("tags ! (\"b\" , {", "")
            .replace("})", "")
            .parse::<TokenStream>()
            .expect("tokens");
        let mut sink = Sink::default();
        let both = rewrite(inner, &format_ident!("inner"), &mut sink).tokens.to_string();
        assert_eq!(
            both,
            quote!(a.__context_suspend(&mut inner).__context_suspend(&mut g).await).to_string()
        );
    }

    #[test]
    fn join_is_suspended_as_a_whole() {
        let (tokens, awaits) = rewritten(quote!(let x = tokio::try_join!(a(b.await), c)?;));
        assert!(awaits);
        assert_eq!(
            tokens,
            quote!(let x = (async { tokio::try_join!(a(b.await), c) }).__context_suspend(&mut g).await?;).to_string()
        );
    }

    #[test]
    fn select_is_refused_with_the_alternative() {
        let mut sink = Sink::default();
        drop(rewrite(quote!(tokio::select! { x = a => x }), &format_ident!("g"), &mut sink));
        assert!(sink.messages()[0].contains(".scope(async { select! { .. } }).await"));
        unchanged(quote!(crossbeam_channel::select! { recv(r) -> x => x }));
    }
}
