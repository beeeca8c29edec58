//! What describes a function to core: what the macro read off it, and its options.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;

use crate::model::{Run, Setting, Value};
use crate::source_hash::source_hash;

/// The definition as an expression: `definition!(task { name: "fetch", .. } .retries(3))`.
pub(super) fn expression(run: &Run) -> TokenStream {
    let private = &run.paths.private;
    let description = description(run);
    let kind = run.kind.definitions();
    quote!(#private::definition!(#kind #description))
}

/// The definition as an item, which gives the handle its `definition()` and is registered.
pub(super) fn item(run: &Run, handle: &Ident) -> TokenStream {
    let private = &run.paths.private;
    let description = description(run);
    let (vis, kind) = (&run.function.vis, run.kind.definitions());
    quote!(#private::definition! { #vis #kind #handle #description })
}

fn description(run: &Run) -> TokenStream {
    let sig = &run.function.sig;
    let name = sig.ident.unraw().to_string();
    let body = &run.function.body;
    let hash = source_hash(quote!(#sig #body));
    let doc = run.doc();
    let parameters = run.parameters.iter().map(|parameter| &parameter.recorded);
    let is_async = run.driver.is_async();
    // At the function's own line, not at the first line of its attribute.
    let line = quote_spanned!(sig.ident.span()=> ::core::line!());
    let settings = run.settings.iter().flat_map(|Setting { method, value, .. }| {
        value.each().iter().map(move |one| {
            // A closure makes an asset of the parameters.
            let made = matches!(value, Value::Each(_)) && one.is_closure();
            let method = if made { format_ident!("{method}_with") } else { method.clone() };
            let one = one.to_token_stream();
            quote!(.#method(#one))
        })
    });
    quote! {
        {
            name: #name,
            line: #line,
            source_hash: #hash,
            doc: #doc,
            parameters: &[#(#parameters),*],
            is_async: #is_async
        }
        #(#settings)*
    }
}
