//! The parameters of a function: the name each is recorded under, the pattern it is bound by, its type.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt as _;
use syn::{FnArg, Pat, Signature, Type};

use crate::tokens::generated_at;

/// One parameter, `self` excluded.
pub(crate) struct Parameter {
    /// What the emitted function calls it.
    pub name: Ident,
    /// The name that runs record it under.
    pub recorded: String,
    /// As the user binds it.
    pub pattern: Pat,
    pub ty: Type,
}

/// The parameters of a signature, in order.
pub(crate) fn parameters(sig: &Signature) -> Vec<Parameter> {
    let typed = sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(argument) => Some(argument),
        FnArg::Receiver(_) => None,
    });
    typed
        .enumerate()
        .map(|(index, argument)| {
            let (name, recorded) = match &*argument.pat {
                Pat::Ident(binding) if binding.subpat.is_none() => {
                    // Generated as far as lints go: the user's `_name` is used by us.
                    let mut name = binding.ident.clone();
                    name.set_span(generated_at(name.span()));
                    (name, binding.ident.unraw().to_string())
                }
                _ => (
                    Ident::new(&format!("__context_arg{index}"), Span::mixed_site()),
                    format!("arg{index}"),
                ),
            };
            Parameter {
                name,
                recorded,
                pattern: (*argument.pat).clone(),
                ty: (*argument.ty).clone(),
            }
        })
        .collect()
}
