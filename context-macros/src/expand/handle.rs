//! The shape of free functions: a function that calls core, and a handle type of the same name.
//!
//! The user's function becomes `__context_body` of the handle, token for token. What else the handle has depends on
//! what its arguments and result allow.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, format_ident, quote};
use syn::ext::IdentExt as _;
use syn::{GenericParam, Generics, Type, TypeParamBound, WherePredicate, parse_quote};

use super::{attributes, definition, parts};
use crate::model::{Driver, Interface, Run};
use crate::tokens;

/// The function, its handle, and what connects them with core.
pub(super) fn expand(run: &Run, handle: &Ident) -> TokenStream {
    let attributes::Split { outer: outer_attrs, body: body_attrs } = attributes::split(run);
    let vis = &run.function.vis;
    let sig = parts::outer_signature(run);
    let assertions = parts::assertions(run);
    let names = parts::names_pattern(run);
    let body_call = body_call(run, handle);
    let call = parts::call(run, &quote!(#handle::definition()), &quote!(|#names| #body_call));

    let handle_type = parts::handle_type(run, handle);
    let mut body_sig = run.function.sig.clone();
    body_sig.ident = Ident::new("__context_body", run.function.sig.ident.span());
    let body = &run.function.body;
    // The only name that the block's scope adds; the user's body is outside of it.
    let alias = quote!(__context);
    let methods = methods(run, handle, &alias);
    let function_impl = match run.interface {
        Interface::Full => function_impl(run, handle, &alias),
        Interface::Stubs | Interface::Definition => TokenStream::new(),
    };
    let private = &run.paths.private;
    let registered = if run.kind.is_task() { quote!(Task) } else { quote!(Flow) };
    quote! {
        #(#outer_attrs)*
        #[allow(dead_code, clippy::too_many_arguments)]
        #vis #sig {
            #assertions
            #call
        }
        #handle_type
        impl #handle {
            #(#body_attrs)*
            #body_sig #body
        }
        const _: () = {
            use #private as #alias;
            #methods
            #function_impl
            #alias::inventory::submit! { #alias::Registered::#registered(#handle::definition) }
        };
    }
}

/// `fetch::__context_body::<T, N>(url)`.
fn body_call(run: &Run, handle: &Ident) -> TokenStream {
    let generics = &run.function.sig.generics;
    let arguments: Vec<&Ident> = generics
        .params
        .iter()
        .filter_map(|param| match param {
            GenericParam::Type(param) => Some(&param.ident),
            GenericParam::Const(param) => Some(&param.ident),
            _ => None,
        })
        .collect();
    let turbofish = (!arguments.is_empty()).then(|| quote!(::<#(#arguments),*>));
    let names = run.parameters.iter().map(|parameter| &parameter.name);
    quote!(#handle::__context_body #turbofish(#(#names),*))
}

/// The methods that users call on the handle.
fn methods(run: &Run, handle: &Ident, private: &TokenStream) -> TokenStream {
    let vis = &run.function.vis;
    let ty = definition::ty(run, private);
    let item = definition::item(run, private);
    let offers = match run.interface {
        Interface::Full => offers(run, handle, private),
        Interface::Stubs => stubs(run, handle, private),
        Interface::Definition => TokenStream::new(),
    };
    quote! {
        #[allow(dead_code, clippy::too_many_arguments)]
        impl #handle {
            #[doc(hidden)]
            #vis fn definition() -> &'static #ty {
                #item
                &__CONTEXT_DEFINITION
            }
            #offers
        }
    }
}

fn offers(run: &Run, handle: &Ident, private: &TokenStream) -> TokenStream {
    let vis = &run.function.vis;
    let generics = sendable(run);
    let (params, _, bounds) = generics.split_for_impl();
    let arguments = argument_types(run);
    if !run.kind.is_task() {
        return quote! {
            #vis fn with_options #params() -> #private::FlowWithOptions<#handle, #arguments> #bounds {
                #private::FlowWithOptions::new()
            }
        };
    }
    let value = value_type(run, private);
    let names: Vec<&Ident> = run.parameters.iter().map(|parameter| &parameter.name).collect();
    let types: Vec<_> = run.parameters.iter().map(|parameter| &parameter.ty).collect();
    // Without parameters there is nothing to map over.
    let map = (!names.is_empty()).then(|| {
        quote! {
            #vis fn map #params(#(#names: impl #private::IntoMapInput<#types>),*) -> #private::TaskFutures<#value> #bounds {
                #private::WithOptions::<#handle, #arguments>::new().map(#(#names),*)
            }
        }
    });
    quote! {
        #vis fn with_options #params() -> #private::WithOptions<#handle, #arguments> #bounds {
            #private::WithOptions::new()
        }
        #vis fn submit #params(#(#names: impl #private::IntoInput<#types>),*) -> #private::TaskFuture<#value> #bounds {
            #private::WithOptions::<#handle, #arguments>::new().submit(#(#names),*)
        }
        #map
    }
}

/// Methods that cannot be called, because no type is an `OwnedArgument`: the error says why.
///
/// It points at the argument that is borrowed, if there is one.
fn stubs(run: &Run, handle: &Ident, private: &TokenStream) -> TokenStream {
    let vis = &run.function.vis;
    // A bound on nothing of the caller's would be an error here and not there, but for the lifetime.
    let refused = quote!(where for<'__context> &'__context (): #private::OwnedArgument<#handle>);
    let with_options = quote! {
        #vis fn with_options() #refused {}
    };
    if !run.kind.is_task() {
        return with_options;
    }
    let params = parts::type_parameters(run.parameters.len());
    let borrowed = run
        .parameters
        .iter()
        .position(|parameter| tokens::borrows(parameter.ty.to_token_stream()))
        .and_then(|at| params.get(at));
    let refused = match borrowed {
        Some(param) => quote!(where #param: #private::OwnedArgument<#handle>),
        None => refused,
    };
    let generics = (!params.is_empty()).then(|| quote!(<#(#params),*>));
    let stub = |name: &str, output: &str| {
        let (name, output) = (format_ident!("{name}"), format_ident!("{output}"));
        quote! {
            #vis fn #name #generics(#(_: #params),*) -> #private::#output<()> #refused {
                ::core::unreachable!()
            }
        }
    };
    let (submit, map) = (stub("submit", "TaskFuture"), stub("map", "TaskFutures"));
    quote!(#with_options #submit #map)
}

/// `impl TaskFn<(String,)> for fetch`.
fn function_impl(run: &Run, handle: &Ident, private: &TokenStream) -> TokenStream {
    let generics = sendable(run);
    let (params, _, bounds) = generics.split_for_impl();
    let function = run.engine_item("Fn");
    let arguments = argument_types(run);
    let names = parts::names_pattern(run);
    let output = &run.output.ty;
    let definition = definition::ty(run, private);
    let encode = parts::encode(run, private);
    let glue = parts::glue(run, private);
    let body_call = body_call(run, handle);
    let name = run.function.sig.ident.unraw().to_string();
    let (mode, attempt) = if run.driver == Driver::Async {
        (quote!(Asynchronous), quote!(#private::async_attempt!(#name, #body_call)))
    } else {
        (
            quote!(Blocking),
            quote!(#private::blocking_attempt!(#name, #arguments, #names, |#names| #body_call)),
        )
    };
    let value = run.kind.is_task().then(|| {
        let value = value_type(run, private);
        let fate = if run.output.fallible { quote!(result) } else { quote!(plain) };
        (
            quote!(type Value = #value;),
            quote! {
                fn value(__context_output: Self::Output) -> ::core::result::Result<Self::Value, #private::Failure> {
                    #private::value!(#fate, __context_output)
                }
            },
        )
    });
    let (value_type, value) = value.unzip();
    let elsewhere = if run.kind.is_task() {
        quote! {
            fn submitter() -> #private::Submitter<Self, #arguments> {
                #private::submitter!(#handle, #arguments)
            }
        }
    } else {
        quote! {
            fn caller() -> #private::FlowCaller<Self, #arguments> {
                #private::caller!(#handle, #arguments)
            }
        }
    };
    let duplicate = run.setting("retries").map(|_| {
        quote! {
            fn duplicate(__context_arguments: &#arguments) -> ::core::option::Option<#arguments> {
                ::core::option::Option::Some(::core::clone::Clone::clone(__context_arguments))
            }
        }
    });
    quote! {
        impl #params #private::#function<#arguments> for #handle #bounds {
            type Output = #output;
            #value_type
            type Mode = #private::#mode;
            fn definition() -> &'static #definition {
                #handle::definition()
            }
            fn encode(#names: &#arguments, __context_sink: &mut #private::ParameterSink) {
                #encode
            }
            #[inline]
            fn attempt(#names: #arguments) -> #private::Attempt<Self::Output> {
                #attempt
            }
            fn glue() -> #private::Glue<Self::Output> {
                #glue
            }
            #value
            #elsewhere
            #duplicate
        }
    }
}

/// The type of a successful run's value.
fn value_type(run: &Run, private: &TokenStream) -> TokenStream {
    let output = &run.output.ty;
    if run.output.fallible {
        quote!(<#output as #private::Fallible>::Value)
    } else {
        output.clone()
    }
}

fn argument_types(run: &Run) -> TokenStream {
    parts::tuple(run.parameters.iter().map(|parameter| parameter.ty.to_token_stream()))
}

/// The function's generics, with type parameters that can go to another thread.
///
/// The bounds go where the user's stand, since clippy wants all bounds of a parameter in one place.
fn sendable(run: &Run) -> Generics {
    let mut generics = run.function.sig.generics.clone();
    let bounds: [TypeParamBound; 2] = [parse_quote!(::core::marker::Send), parse_quote!('static)];
    let Generics { params, where_clause, .. } = &mut generics;
    for param in params {
        let GenericParam::Type(param) = param else { continue };
        let predicates = where_clause.iter_mut().flat_map(|clause| &mut clause.predicates);
        let own = predicates.into_iter().find_map(|predicate| match predicate {
            WherePredicate::Type(predicate) => match &predicate.bounded_ty {
                Type::Path(path) if path.path.is_ident(&param.ident) => Some(&mut predicate.bounds),
                _ => None,
            },
            _ => None,
        });
        own.unwrap_or(&mut param.bounds).extend(bounds.clone());
    }
    generics
}
