//! The `static` that describes a function to core: what the macro read off it, and its options.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote, quote_spanned};
use syn::ext::IdentExt as _;

use crate::model::Run;
use crate::source_hash::source_hash;

/// The type of the definition.
pub(super) fn ty(run: &Run, private: &TokenStream) -> TokenStream {
    let definition = run.engine_item("Definition");
    quote!(#private::#definition)
}

/// The `static __CONTEXT_DEFINITION`.
pub(super) fn item(run: &Run, private: &TokenStream) -> TokenStream {
    let ty = ty(run, private);
    let (meta, options) = (run.engine_item("Meta"), run.engine_item("Options"));
    let sig = &run.function.sig;
    let name = sig.ident.unraw().to_string();
    let body = &run.function.body;
    let hash = source_hash(quote!(#sig #body));
    let doc = run.doc();
    let parameters = run.parameters.iter().map(|parameter| &parameter.recorded);
    let is_async = run.driver.is_async();
    // At the function's own line, not at the first line of its attribute.
    let line = quote_spanned!(sig.ident.span()=> ::core::line!());
    let settings = run.settings.iter().map(|setting| {
        let method = &setting.method;
        let value = setting.value.to_token_stream();
        quote!(.#method(#value))
    });
    quote! {
        static __CONTEXT_DEFINITION: #ty = #ty::new(
            #private::#meta {
                name: #name,
                module: ::core::module_path!(),
                file: ::core::file!(),
                line: #line,
                source_hash: #hash,
                doc: #doc,
                parameters: &[#(#parameters),*],
                is_async: #is_async,
            },
            || #private::#options::new() #(#settings)*,
        );
    }
}
