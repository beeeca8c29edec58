//! `#[cfg(..)]` on arguments.
//!
//! An argument's `#[cfg]` would have to be repeated in tuple types and patterns, where Rust allows none. The function
//! is emitted twice instead, with and without the argument, each under the attribute again. The compiler then keeps
//! one. `#[cfg]` on the function itself never gets here: the compiler applies it first.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::punctuated::Punctuated;
use syn::{Attribute, FnArg};

use crate::model::{Kind, Paths};
use crate::parse::Function;

/// The two variants of a function whose first conditional argument is there or not; none if no argument is conditional.
pub(crate) fn split(
    kind: Kind,
    paths: &Paths,
    attribute: &TokenStream,
    function: &Function,
) -> Option<TokenStream> {
    let (at, condition) = function.sig.inputs.iter().enumerate().find_map(|(at, input)| {
        let FnArg::Typed(argument) = input else { return None };
        let cfg = argument.attrs.iter().find(|attr| attr.path().is_ident("cfg"))?;
        Some((at, cfg.parse_args::<TokenStream>().ok()?))
    })?;

    let macro_name = kind.macro_name();
    let root = &paths.root;
    let mut with = function.clone();
    if let Some(FnArg::Typed(argument)) = with.sig.inputs.iter_mut().nth(at) {
        remove_first(&mut argument.attrs, "cfg");
    }
    let mut without = function.clone();
    without.sig.inputs = without
        .sig
        .inputs
        .into_iter()
        .enumerate()
        .filter_map(|(index, input)| (index != at).then_some(input))
        .collect::<Punctuated<_, _>>();
    let (with, without) = (with.into_token_stream(), without.into_token_stream());
    Some(quote! {
        #[cfg(#condition)]
        #[#root::#macro_name(#attribute)]
        #with
        #[cfg(not(#condition))]
        #[#root::#macro_name(#attribute)]
        #without
    })
}

fn remove_first(attrs: &mut Vec<Attribute>, name: &str) {
    if let Some(at) = attrs.iter().position(|attr| attr.path().is_ident(name)) {
        attrs.remove(at);
    }
}
