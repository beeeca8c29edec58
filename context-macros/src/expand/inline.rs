//! The shape without a handle: methods, `handle = false`, and functions that return a future.
//!
//! The body stays in its function, as a closure that core calls for each attempt. The closure takes the arguments as a
//! tuple, so that patterns work, and captures `self`.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};

use super::{definition, parts};
use crate::model::{Driver, Run};
use crate::tokens::{generated_braces, mentions};

/// The function with its body handed to core.
pub(super) fn expand(run: &Run) -> TokenStream {
    let attrs = &run.function.attrs;
    let vis = &run.function.vis;
    let sig = parts::outer_signature(run);
    let assertion = parts::assertions(run);
    let pattern =
        parts::tuple(run.parameters.iter().map(|parameter| parameter.pattern.to_token_stream()));
    let body = generated_braces(&run.function.body);
    let nameable = !run.output.opaque && !run.output.never;
    let output = &run.output.ty;
    let attempt = match run.driver {
        // Never returns there: it tells the block's type, so that errors and coercions are those of a function.
        Driver::Async if nameable => quote! {
            move |#pattern| async move {
                if let ::core::option::Option::Some(__context_output) = ::core::option::Option::<#output>::None {
                    return __context_output;
                }
                #body
            }
        },
        Driver::Async => quote!(move |#pattern| async move #body),
        Driver::Blocking | Driver::Boxed | Driver::Returned => {
            let returned = parts::return_type(&run.function.sig);
            if mentions(returned.clone(), "impl") {
                quote!(move |#pattern| #body)
            } else {
                quote!(move |#pattern| -> #returned #body)
            }
        }
    };
    let call = parts::call(run, &parts::Source::Here(definition::expression(run)), &attempt);
    quote! {
        #(#attrs)*
        #vis #sig {
            #assertion
            #call
        }
    }
}
