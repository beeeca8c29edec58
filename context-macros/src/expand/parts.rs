//! The pieces that both shapes of an expansion are made of.
//!
//! Those that stand in several scopes take the name that core's `__private` has there.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{FnArg, Pat, ReturnType, Signature};

use crate::model::{Driver, Run};
use crate::tokens::{generated_at, mentions};

/// The empty type that carries a function's name.
///
/// The compiler refuses it where its name is taken, or in an `impl`; nothing tells the macro. It is made by a macro of
/// core's because such errors name the macro they come from: that name says what to write.
pub(super) fn handle_type(run: &Run, handle: &Ident) -> TokenStream {
    let private = &run.paths.private;
    let vis = &run.function.vis;
    quote!(#private::if_the_name_is_taken_or_in_an_impl__write__handle_equals_false! { #vis #handle })
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

/// What the function that keeps the name does: `task_async(definition, encode, attempts, glue)`.
pub(super) fn call(run: &Run, definition: &TokenStream, body: &TokenStream) -> TokenStream {
    let private = &run.paths.private;
    let engine = format_ident!(
        "{}_{}",
        if run.kind.is_task() { "task" } else { "flow" },
        if run.driver.is_async() { "async" } else { "blocking" },
    );
    let attempts = if run.setting("retries").is_some() { quote!(Retried) } else { quote!(Once) };
    let names = tuple(run.parameters.iter().map(|parameter| parameter.name.to_token_stream()));
    let pattern = names_pattern(run);
    let encode = encode(run, private);
    let glue = glue(run, private);
    let call = quote! {
        #private::#engine(
            #definition,
            |#pattern, __context_sink| { #encode },
            #private::#attempts::new(#names, #body),
            #glue,
        )
    };
    match run.driver {
        Driver::Boxed => quote!(::std::boxed::Box::pin(#call)),
        Driver::Async if !spells_future(run) => quote!(#call.await),
        _ => call,
    }
}

/// The tuple of all arguments by the names of the emitted function.
pub(super) fn names_pattern(run: &Run) -> TokenStream {
    tuple(run.parameters.iter().map(|parameter| parameter.name.to_token_stream()))
}

/// Records each argument; stands where the names are bound and `__context_sink` is in scope.
pub(super) fn encode(run: &Run, private: &TokenStream) -> TokenStream {
    let parameters = run.parameters.iter().map(|parameter| {
        let (recorded, name) = (&parameter.recorded, &parameter.name);
        quote!(#private::parameter!(__context_sink, #recorded, #name);)
    });
    quote!(#(#parameters)*)
}

/// How core sees the output, for callers that know its type.
pub(super) fn glue(run: &Run, private: &TokenStream) -> TokenStream {
    if run.output.opaque || run.output.never {
        quote!(#private::glue!())
    } else {
        let ty = &run.output.ty;
        quote!(#private::glue!(#ty))
    }
}

/// Statements whose only purpose is an error at the user's type if it lacks what an option needs.
pub(super) fn assertions(run: &Run) -> TokenStream {
    let private = &run.paths.private;
    let mut assertions = TokenStream::new();
    if run.setting("retries").is_some() {
        for parameter in &run.parameters {
            let ty = &parameter.ty;
            if !mentions(ty.to_token_stream(), "impl") {
                let span = generated_at(ty.span());
                assertions.extend(quote_spanned!(span=> #private::assert_retry_argument::<#ty>();));
            }
        }
    }
    if run.setting("timeout").is_some() && run.output.fallible && !run.output.opaque {
        let ty = &run.output.ty;
        let span = |tokens: &dyn quote::ToTokens| generated_at(tokens.to_token_stream().span());
        assertions.extend(match &run.output.error {
            Some(error) => {
                quote_spanned!(span(error)=> #private::assert_carries_run_error::<#error>();)
            }
            None => quote_spanned!(span(ty)=> #private::assert_output_carries_run_error::<#ty>();),
        });
    }
    assertions
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

/// `A0`, `A1`, ..: type parameters for `count` arguments.
pub(super) fn type_parameters(count: usize) -> Vec<Ident> {
    (0..count).map(|index| Ident::new(&format!("A{index}"), Span::call_site())).collect()
}
