//! The pieces that both shapes of an expansion are made of.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{FnArg, Pat, ReturnType, Signature};

use crate::model::{Driver, Run};
use crate::tokens::{generated_at, has_lifetimes, mentions};

/// The empty type that carries a function's name.
///
/// The compiler refuses it where its name is taken, or in an `impl`; nothing tells the macro. It is made by a macro of
/// core's because such errors name the macro they come from: that name says what to write.
pub(super) fn handle_type(run: &Run, handle: &Ident) -> TokenStream {
    let private = &run.paths.private;
    let vis = &run.function.vis;
    quote!(#private::if_the_name_is_taken_or_in_an_impl__write__handle_equals_false! { #vis struct #handle })
}

/// The signature of the function that keeps the name: arguments are plain names, `async` is spelled out.
pub(super) fn outer_signature(run: &Run) -> Signature {
    let mut sig = run.function.sig.clone();
    let mut parameters = run.parameters.iter();
    for input in &mut sig.inputs {
        if let FnArg::Typed(argument) = input
            && let Some(parameter) = parameters.next()
        {
            let name = &parameter.name;
            *argument.pat = Pat::Verbatim(quote!(#name));
        }
    }
    if spells_future(run) {
        let output = &run.output.ty;
        sig.asyncness = None;
        // Our spans, and so our edition: in 2021 an `impl Future` would not capture elided lifetimes.
        sig.output = syn::parse_quote!(-> impl ::core::future::Future<Output = #output>);
    }
    sig
}

/// True if the function that keeps the name returns `impl Future` where the user wrote `async fn`.
///
/// A future that results in `!` cannot be named.
pub(super) fn spells_future(run: &Run) -> bool {
    run.driver == Driver::Async && !run.output.never
}

/// Where the function that keeps the name finds what core needs.
pub(super) enum Source {
    /// In the implementation of the trait for the handle.
    Handle { handle: Ident, function: TokenStream },
    /// In place, but for the definition.
    Here(TokenStream),
}

/// What the function that keeps the name does: `task_async(definition, encode, attempts, glue)`, or
/// `call_task_async::<fetch, (String,), _, _>(arguments, body)` where the handle knows the rest.
pub(super) fn call(run: &Run, source: &Source, body: &TokenStream) -> TokenStream {
    let private = &run.paths.private;
    let mode = if run.driver.is_async() { "async" } else { "blocking" };
    let engine = format_ident!("{}_{mode}", run.kind.definitions());
    let names = names(run);
    let retried = run.setting("retries").is_some();
    let call = match source {
        Source::Handle { handle, .. } if !retried => {
            let engine = format_ident!("call_{engine}");
            let arguments = argument_types(run);
            let inferred = if run.driver.is_async() { quote!(_, _) } else { quote!(_) };
            quote!(#private::#engine::<#handle, #arguments, #inferred>(#names, #body))
        }
        Source::Handle { handle, function } => quote! {
            #private::#engine(
                <#handle>::definition(),
                <#handle as #function>::encode,
                #private::Retried::new(#names, <#handle as #function>::duplicate, #body),
                <#handle as #function>::glue(),
            )
        },
        Source::Here(definition) => {
            let (encode, glue) = (encode(run), glue(run));
            let attempts = if retried {
                let duplicates = duplicates(run);
                quote!(#private::Retried::new(#names, |#names| #duplicates, #body))
            } else {
                quote!(#private::Once::new(#names, #body))
            };
            quote! {
                #private::#engine(#definition, |#names, __context_sink| { #encode }, #attempts, #glue)
            }
        }
    };
    match run.driver {
        Driver::Boxed => quote!(::std::boxed::Box::pin(#call)),
        Driver::Async if !spells_future(run) => quote!(#call.await),
        _ => call,
    }
}

/// The tuple of the arguments' types.
pub(super) fn argument_types(run: &Run) -> TokenStream {
    tuple(run.parameters.iter().map(|parameter| parameter.ty.to_token_stream()))
}

/// The tuple of all arguments by the names of the emitted function: a value or a pattern.
pub(super) fn names(run: &Run) -> TokenStream {
    tuple(run.parameters.iter().map(|parameter| parameter.name.to_token_stream()))
}

/// Records each argument; stands where the names are bound and `__context_sink` is in scope.
fn encode(run: &Run) -> TokenStream {
    let private = &run.paths.private;
    let parameters = run.parameters.iter().map(|parameter| {
        let (recorded, name) = (&parameter.recorded, &parameter.name);
        quote!(#private::parameter!(__context_sink, #recorded, #name);)
    });
    quote!(#(#parameters)*)
}

/// A copy of each argument; stands where the names are bound to references.
///
/// Each is made at the argument's type, which is where the compiler reports that it cannot be copied.
pub(super) fn duplicates(run: &Run) -> TokenStream {
    let private = &run.paths.private;
    let duplicates = tuple(run.parameters.iter().map(|parameter| {
        let name = &parameter.name;
        let ty = parameter.ty.to_token_stream();
        let span = generated_at(ty.span());
        let ty = if mentions(ty.clone(), "impl") { quote!(_) } else { ty };
        quote_spanned!(span=> <#ty as #private::RetryArgument>::duplicate(#name))
    }));
    quote!(::core::option::Option::Some(#duplicates))
}

/// True if core may ask whether the output can be kept as a result.
///
/// Of a type with a lifetime that cannot be asked: the compiler picks implementations without regard to lifetimes.
pub(super) fn may_be_kept(run: &Run) -> bool {
    !has_lifetimes(run.output.ty.clone())
}

/// True if core may ask whether the arguments and the output can go to another process; see [`may_be_kept`].
pub(super) fn may_leave(run: &Run) -> bool {
    let mut parameters = run.parameters.iter();
    may_be_kept(run) && parameters.all(|parameter| !has_lifetimes(parameter.ty.to_token_stream()))
}

/// How core sees the output, for callers that know its type.
fn glue(run: &Run) -> TokenStream {
    let private = &run.paths.private;
    if run.output.opaque || run.output.never {
        quote!(#private::glue!())
    } else {
        let ty = &run.output.ty;
        // `Self` and generic types may have lifetimes that are not to be seen here: only on request.
        let kept = run.keeps_result() && may_be_kept(run);
        let unkept = (!kept).then(|| quote!(, unkept));
        quote!(#private::glue!(#ty #unkept))
    }
}

/// Statements whose only purpose is an error at the user's type if it lacks what an option needs.
pub(super) fn assertions(run: &Run) -> TokenStream {
    if run.output.opaque || run.output.never {
        return TokenStream::new();
    }
    let (carries, kept) = (carries_run_error(run), is_kept(run));
    quote!(#carries #kept)
}

/// The error type must be able to carry a timeout.
fn carries_run_error(run: &Run) -> Option<TokenStream> {
    if run.setting("timeout").is_none() || !run.output.fallible {
        return None;
    }
    let private = &run.paths.private;
    let ty = &run.output.ty;
    Some(match &run.output.error {
        Some(error) => {
            quote_spanned!(generated(error)=> #private::assert_carries_run_error::<#error>();)
        }
        None => quote_spanned!(generated(ty)=> #private::assert_output_carries_run_error::<#ty>();),
    })
}

/// The value's type must be one that can be kept, if the attribute asks for that.
fn is_kept(run: &Run) -> Option<TokenStream> {
    // A type with lifetimes was reported.
    if !run.keeps_result() || !may_be_kept(run) {
        return None;
    }
    let private = &run.paths.private;
    let ty = &run.output.ty;
    Some(match &run.output.value {
        Some(value) => quote_spanned!(generated(value)=> #private::assert_is_kept::<#value>();),
        None if run.output.fallible => {
            quote_spanned!(generated(ty)=> #private::assert_is_kept::<#private::Success<#ty>>();)
        }
        None => quote_spanned!(generated(ty)=> #private::assert_is_kept::<#ty>();),
    })
}

fn generated(tokens: &impl quote::ToTokens) -> proc_macro2::Span {
    generated_at(tokens.to_token_stream().span())
}

/// The return type, or `()`.
pub(super) fn return_type(sig: &Signature) -> TokenStream {
    match &sig.output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, ty) => ty.to_token_stream(),
    }
}

/// `(a, b,)`, and `()` for nothing.
pub(super) fn tuple(elements: impl IntoIterator<Item = TokenStream>) -> TokenStream {
    let elements = elements.into_iter();
    quote!((#(#elements,)*))
}
