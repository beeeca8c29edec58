//! Option values: what can be checked at compile time is checked, durations become numbers, the rest stays as written.
//!
//! A value may be any expression. Only literals are looked at: core checks the others when it evaluates them.

mod asset;
mod duration;
mod function;
mod result;

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, Lit, LitStr, UnOp};

use crate::diagnostics::Sink;
use crate::tokens::generated_at;

pub(crate) use asset::{asset, asset_key_problem, asset_text, assets, is_asset_template};
pub(crate) use duration::{duration, durations};
pub(crate) use function::{function, hooks};
pub(crate) use result::{serializer, storage, storage_key};

/// Characters that a flow's name must not contain.
pub(crate) const BANNED_IN_FLOW_NAMES: &[char] = &['/', '%', '&', '>', '<'];

/// The most hooks that core takes as one tuple.
const LARGEST_TUPLE: usize = 6;

/// The value of an option, ready to be emitted.
#[derive(Clone)]
pub(crate) enum Value {
    /// As the user wrote it.
    Expression(Box<Expr>),
    /// Written as text.
    Duration(Duration, Span),
    /// An array.
    List(Vec<Self>),
    /// Handed over one by one, as they may be of different types.
    Each(Vec<Self>),
    /// A tuple, since the elements may be of different types.
    Tuple(Vec<Expr>, Span),
}

impl Value {
    /// The text, if the value is a text literal.
    pub(crate) fn as_text(&self) -> Option<&LitStr> {
        match self {
            Self::Expression(value) => text_literal(value),
            _ => None,
        }
    }

    /// The values of a list that is handed over one by one, or the value itself.
    pub(crate) fn each(&self) -> &[Self] {
        match self {
            Self::Each(values) => values,
            one => std::slice::from_ref(one),
        }
    }

    /// The expression, if the value is one.
    pub(crate) fn as_expression(&self) -> Option<&Expr> {
        match self {
            Self::Expression(value) => Some(value),
            _ => None,
        }
    }

    /// True if the value is written as a closure.
    pub(crate) fn is_closure(&self) -> bool {
        self.as_expression().is_some_and(|value| matches!(ungrouped(value), Expr::Closure(_)))
    }

    /// True if the value is written as `false`.
    pub(crate) fn is_false(&self) -> bool {
        matches!(self, Self::Expression(value) if matches!(literal(value), Some(Lit::Bool(on)) if !on.value))
    }

    /// True if the value is written as a policy that keeps nothing: `no_cache()` or `None`, with any path before it.
    pub(crate) fn is_no_policy(&self) -> bool {
        let Self::Expression(value) = self else { return false };
        let (path, name) = match ungrouped(value) {
            Expr::Call(call) if call.args.is_empty() => (ungrouped(&call.func), "no_cache"),
            other => (other, "None"),
        };
        matches!(path, Expr::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == name))
    }
}

impl ToTokens for Value {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Expression(value) => value.to_tokens(tokens),
            Self::Duration(duration, span) => {
                let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
                tokens.extend(quote_spanned!(generated_at(*span)=> ::core::time::Duration::new(#seconds, #nanos)));
            }
            Self::List(values) | Self::Each(values) => tokens.extend(quote!([#(#values),*])),
            Self::Tuple(values, span) => {
                let values = values.iter().map(ToTokens::to_token_stream).collect();
                tokens.extend(tuple(values, generated_at(*span)));
            }
        }
    }
}

/// `(a, b,)`; what exceeds core's largest tuple is nested, in order.
fn tuple(values: Vec<TokenStream>, span: Span) -> TokenStream {
    if values.len() <= LARGEST_TUPLE {
        quote_spanned!(span=> (#(#values,)*))
    } else {
        tuple(values.chunks(LARGEST_TUPLE).map(|some| tuple(some.to_vec(), span)).collect(), span)
    }
}

fn written(value: Expr) -> Value {
    Value::Expression(Box::new(value))
}

/// The value without the invisible group of `$e:expr`.
fn ungrouped(value: &Expr) -> &Expr {
    match value {
        Expr::Group(group) => ungrouped(&group.expr),
        other => other,
    }
}

fn literal(value: &Expr) -> Option<&Lit> {
    match ungrouped(value) {
        Expr::Lit(literal) => Some(&literal.lit),
        _ => None,
    }
}

fn text_literal(value: &Expr) -> Option<&LitStr> {
    match literal(value) {
        Some(Lit::Str(text)) => Some(text),
        _ => None,
    }
}

/// The literal behind a minus sign.
fn negated(value: &Expr) -> Option<&Lit> {
    match ungrouped(value) {
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => literal(&unary.expr),
        _ => None,
    }
}

fn is_number(literal: &Lit) -> bool {
    matches!(literal, Lit::Int(_) | Lit::Float(_))
}

/// Text without some characters.
pub(crate) fn text(option: &Ident, value: Expr, banned: &[char], sink: &mut Sink) -> Value {
    match (text_literal(&value), literal(&value)) {
        (Some(text), _) if option == "name" && text.value().is_empty() => {
            sink.at(text, "`name` is empty; leave the option out to use the function's name");
        }
        (Some(text), _) => {
            if let Some(found) = text.value().chars().find(|found| banned.contains(found)) {
                let banned: Vec<String> = banned.iter().map(char::to_string).collect();
                sink.at(
                    text,
                    format!(
                        "`{option}` contains `{found}`; a flow's name cannot contain any of `{}`",
                        banned.join(" ")
                    ),
                );
            }
        }
        (None, Some(other)) => {
            sink.at(other, format!("`{option}` is text: write `{option} = \"..\"`"));
        }
        (None, None) => {}
    }
    written(value)
}

/// Text, or something that can be called.
pub(crate) fn run_name(option: &Ident, value: Expr, sink: &mut Sink) -> Value {
    if let Some(other) = literal(&value).filter(|literal| !matches!(literal, Lit::Str(_))) {
        sink.at(
            other,
            format!(
                "`{option}` is text or a callable: write `{option} = \"run of {{parameter}}\"`"
            ),
        );
    }
    written(value)
}

/// `true` or `false`.
pub(crate) fn flag(option: &Ident, value: Expr, sink: &mut Sink) -> Value {
    if let Some(other) = literal(&value).filter(|literal| !matches!(literal, Lit::Bool(_))) {
        sink.at(other, format!("`{option}` is `true` or `false`: write `{option} = true`"));
    }
    written(value)
}

/// Something that no literal is: `what`, such as "a cache policy", made by `example`.
pub(crate) fn object(
    option: &Ident,
    value: Expr,
    what: &str,
    example: &str,
    sink: &mut Sink,
) -> Value {
    if let Some(other) = literal(&value) {
        sink.at(
            other,
            format!("`{option}` is {what}, not a literal: write `{option} = {example}`"),
        );
    }
    written(value)
}

/// A whole number.
pub(crate) fn count(option: &Ident, value: Expr, sink: &mut Sink) -> Value {
    if negated(&value).is_some_and(is_number) {
        sink.at(&value, format!("`{option}` cannot be negative; write `{option} = 0` for none"));
    } else if let Some(other) = literal(&value).filter(|literal| !matches!(literal, Lit::Int(_))) {
        sink.at(other, format!("`{option}` is a whole number: write `{option} = 3`"));
    }
    written(value)
}

/// A fraction of at least zero.
pub(crate) fn factor(option: &Ident, value: Expr, sink: &mut Sink) -> Value {
    if negated(&value).is_some_and(is_number) {
        sink.at(
            &value,
            format!("`{option}` cannot be negative: write a fraction such as `{option} = 0.3`"),
        );
        return written(value);
    }
    match literal(&value) {
        Some(Lit::Int(whole)) if whole.suffix().is_empty() => {
            // `1` is as good as `1.0`.
            let float = syn::LitFloat::new(&format!("{}.0", whole.base10_digits()), whole.span());
            return written(Expr::Lit(syn::ExprLit { attrs: Vec::new(), lit: Lit::Float(float) }));
        }
        Some(other) if !is_number(other) => {
            sink.at(
                other,
                format!("`{option}` is a number: write a fraction such as `{option} = 0.3`"),
            );
        }
        _ => {}
    }
    written(value)
}

/// Tags: an array of anything, or one.
pub(crate) fn tags(option: &Ident, value: Expr, sink: &mut Sink) -> Value {
    let wrong =
        |value: &Expr| literal(value).filter(|literal| !matches!(literal, Lit::Str(_))).cloned();
    let found: Vec<Lit> = match ungrouped(&value) {
        Expr::Array(array) => array.elems.iter().filter_map(wrong).collect(),
        single => wrong(single).into_iter().collect(),
    };
    for literal in found {
        sink.at(&literal, format!("tags are text: write `{option} = [\"a\", \"b\"]`"));
    }
    written(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(expression: &str) -> Value {
        written(syn::parse_str(expression).expect("an expression"))
    }

    #[test]
    fn policies_that_keep_nothing_are_known_by_their_last_name() {
        for none in ["None", "Option::None", "no_cache()", "context::cache::no_cache()"] {
            assert!(value(none).is_no_policy(), "{none}");
        }
        for policy in ["inputs()", "no_cache", "no_cache(1)", "None()", "no_cache() + inputs()"] {
            assert!(!value(policy).is_no_policy(), "{policy}");
        }
    }

    #[test]
    fn long_tuples_are_nested_in_order() {
        let names = |count: usize| (0..count).map(|at| format!("{at}").parse().expect("a token"));
        let tokens = |count: usize| tuple(names(count).collect(), Span::call_site()).to_string();
        let compact = |count: usize| tokens(count).replace(' ', "");
        assert_eq!(compact(1), "(0,)");
        assert_eq!(compact(6), "(0,1,2,3,4,5,)");
        assert_eq!(compact(8), "((0,1,2,3,4,5,),(6,7,),)");
        assert!(compact(37).starts_with("(((0,"), "{}", compact(37));
    }
}
