//! The shape of free functions: a function that calls core, and a handle type of the same name.
//!
//! The user's function becomes `__context_body` of the handle, token for token. What else the handle has depends on
//! what its arguments and result allow.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, format_ident, quote};
use syn::{GenericParam, Generics, Type, TypeParamBound, WherePredicate, parse_quote};

use super::{attributes, definition, parts};
use crate::model::{Driver, Interface, Run};
use crate::tokens;

/// The function, its handle, and what connects them with core.
pub(super) fn expand(run: &Run, handle: &Ident) -> TokenStream {
    let attributes::Split { outer: outer_attrs, body: body_attrs } = attributes::split(run);
    let vis = &run.function.vis;
    let sig = parts::outer_signature(run);
    let assertion = parts::assertions(run);
    let (names, body_call) = (parts::names(run), body_call(run, handle));
    let call = parts::call(run, &source(run, handle), &quote!(|#names| #body_call));

    let handle_type = parts::handle_type(run, handle);
    let mut body_sig = run.function.sig.clone();
    body_sig.ident = Ident::new("__context_body", run.function.sig.ident.span());
    let body = &run.function.body;
    let definition = definition::item(run, handle);
    let interface = match run.interface {
        Interface::Full => function(run, handle),
        Interface::Stubs => refusals(run, handle),
        Interface::Definition => TokenStream::new(),
    };
    quote! {
        #(#outer_attrs)*
        #[allow(dead_code, clippy::too_many_arguments)]
        #vis #sig {
            #assertion
            #call
        }
        #handle_type
        const _: () = {
            impl #handle {
                #(#body_attrs)*
                #body_sig #body
            }
            #definition
            #interface
        };
    }
}

/// A generic function cannot use the handle's implementation, which is for types that can go to another thread.
fn source(run: &Run, handle: &Ident) -> parts::Source {
    if run.interface == Interface::Full && run.function.sig.generics.params.is_empty() {
        parts::Source::Handle { handle: handle.clone(), function: function_trait(run) }
    } else {
        parts::Source::Here(quote!(<#handle>::definition()))
    }
}

/// `TaskFn<(String,)>`.
fn function_trait(run: &Run) -> TokenStream {
    let private = &run.paths.private;
    let name = if run.kind.is_task() { quote!(TaskFn) } else { quote!(FlowFn) };
    let arguments = parts::argument_types(run);
    quote!(#private::#name<#arguments>)
}

/// `<fetch>::__context_body::<T, N>(url)`.
///
/// A type in angle brackets, here and elsewhere: if the handle could not be declared, all its uses are one error.
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
    quote!(<#handle>::__context_body #turbofish(#(#names),*))
}

/// Methods that say why they cannot be called: `refusals! { pub task length(A0, A1) [A0] }`.
///
/// They point at the argument that is borrowed, if there is one.
fn refusals(run: &Run, handle: &Ident) -> TokenStream {
    let private = &run.paths.private;
    let (vis, kind) = (&run.function.vis, run.kind.definitions());
    let params: Vec<Ident> =
        (0..run.parameters.len()).map(|index| format_ident!("A{index}")).collect();
    let borrowed = run
        .parameters
        .iter()
        .position(|parameter| tokens::borrows(parameter.ty.to_token_stream()))
        .and_then(|at| params.get(at));
    let refused = match borrowed {
        Some(param) => quote!(#param),
        None => quote!(for<'__context> &'__context ()),
    };
    quote!(#private::refusals! { #vis #kind #handle(#(#params),*) [#refused] })
}

/// What the handle offers, and how core runs the function:
/// `task_fn! { pub Blocking fn add(x: u8 = "x") -> u8 as Whole { <add>::__context_body(x) } }`.
fn function(run: &Run, handle: &Ident) -> TokenStream {
    let private = &run.paths.private;
    let vis = &run.function.vis;
    let kind = format_ident!("{}_fn", run.kind.definitions());
    let mode = if run.driver == Driver::Async { quote!(Asynchronous) } else { quote!(Blocking) };
    let generics = sendable(run);
    let params = (!generics.params.is_empty()).then(|| {
        let (params, ..) = generics.split_for_impl();
        quote!([#params])
    });
    let bounds = generics.where_clause.map(|bounds| quote!([#bounds]));
    let parameters = run.parameters.iter().map(|parameter| {
        let (name, ty, recorded) = (&parameter.name, &parameter.ty, &parameter.recorded);
        quote!(#name: #ty = #recorded)
    });
    let output = &run.output.ty;
    let value = if run.output.fallible { quote!(Success) } else { quote!(Whole) };
    let unkept = (!parts::may_be_kept(run)).then(|| quote!(, unkept));
    let stays = (run.kind.is_task() && !parts::may_leave(run)).then(|| quote!(; stays));
    let body_call = body_call(run, handle);
    let duplicate = run.setting("retries").map(|_| {
        let (names, arguments) = (parts::names(run), parts::argument_types(run));
        let duplicates = parts::duplicates(run);
        quote! {
            fn duplicate(#names: &#arguments) -> ::core::option::Option<#arguments> {
                #duplicates
            }
        }
    });
    quote! {
        #private::#kind! {
            #vis #mode fn #handle #params (#(#parameters),*) -> #output as #value #unkept #stays #bounds
            { #body_call }
            #duplicate
        }
    }
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
