//! Functions of the user that the engine calls: hooks, conditions, functions that make a key.
//!
//! Whether a function has the right arguments is for the compiler: core's traits say what would be right.

use proc_macro2::Ident;
use syn::Expr;
use syn::spanned::Spanned as _;

use super::{Value, literal, ungrouped, written};
use crate::diagnostics::Sink;

/// One function.
pub(crate) fn function(option: &Ident, value: Expr, example: &str, sink: &mut Sink) -> Value {
    let right = format!("write `{option} = {example}`, where `{example}` is one");
    if let Expr::Array(list) = ungrouped(&value) {
        sink.at(list, format!("`{option}` takes one function, not a list: {right}"));
    } else if let Some(other) = literal(&value) {
        sink.at(other, format!("`{option}` is a function: {right}"));
    }
    written(value)
}

/// One hook or a list of them; none for an empty list, as in Prefect.
pub(crate) fn hooks(option: &Ident, value: Expr, sink: &mut Sink) -> Option<Value> {
    let mut check = |value: &Expr| {
        if let Some(literal) = literal(value) {
            sink.at(
                literal,
                format!(
                    "`{option}` takes functions: write `{option} = [notify]`, where `notify` is one"
                ),
            );
        }
    };
    match ungrouped(&value) {
        Expr::Array(list) => {
            list.elems.iter().for_each(check);
            let hooks: Vec<Expr> = list.elems.iter().cloned().collect();
            (!hooks.is_empty()).then(|| Value::Tuple(hooks, list.span()))
        }
        single => {
            check(single);
            Some(written(value))
        }
    }
}
