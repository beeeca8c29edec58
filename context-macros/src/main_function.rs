//! `#[context::main]`: a program's entry point.
//!
//! The user's function is kept verbatim as an inner function, so that errors and types in it are those of a plain
//! function. Core starts the runtime, runs it, and flushes what was recorded.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote};
use syn::{Attribute, Expr, Lit, Safety};

use crate::diagnostics::{Sink, list, nearest};
use crate::model::Paths;
use crate::parse::{self, Argument, Function};

const ATTRIBUTE: &str = "#[context::main]";
const OPTIONS: [&str; 3] = ["worker_threads", "flavor", "crate"];

#[derive(Default)]
struct Options {
    worker_threads: Option<Expr>,
    current_thread: bool,
    /// The first option that is about a runtime.
    runtime: Option<Ident>,
}

/// Expands the attribute.
pub(crate) fn run(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut sink = Sink::default();
    let arguments = parse::arguments(attribute, &mut sink);
    let paths = Paths::find(&arguments);
    let function = match parse::function(ATTRIBUTE, item.clone()) {
        Ok(function) => function,
        Err(error) => {
            sink.take(error);
            let errors = sink.into_tokens();
            return quote!(#errors #item);
        }
    };
    let options = options(arguments, &mut sink);
    let mut shape = Sink::default();
    check_function(&function, &mut shape);
    let sound = shape.is_empty();
    sink.merge(shape);
    check_options(&function, &options, &mut sink);
    let expansion = match (sound, sink.is_empty()) {
        (true, true) => expand(&paths, &function, &options),
        (true, false) => expand(&paths, &function, &Options::default()),
        (false, _) => stub(&function),
    };
    let errors = sink.into_tokens();
    quote!(#errors #expansion)
}

/// A `main` that compiles: an `async` one, or one with arguments, would be a second error.
fn stub(function: &Function) -> TokenStream {
    let Function { attrs, vis, sig, .. } = function;
    let attrs = attrs.iter().filter(|attr| !is_other_main(attr));
    let (name, output) = (&sig.ident, &sig.output);
    quote! {
        #(#attrs)*
        #vis fn #name() #output {
            ::core::unreachable!()
        }
    }
}

fn options(arguments: Vec<Argument>, sink: &mut Sink) -> Options {
    let mut options = Options::default();
    let mut seen: Vec<String> = Vec::new();
    for argument in arguments {
        let (name, value) = match argument {
            Argument::Named { name, value } => (name, *value),
            Argument::Value(value) => {
                sink.at(
                    value,
                    format!(
                        "options are written `name = value`; supported options are: {}",
                        list(OPTIONS)
                    ),
                );
                continue;
            }
        };
        let text = name.to_string();
        if seen.contains(&text) {
            sink.at(&name, format!("option `{text}` is given twice; remove one"));
            continue;
        }
        match text.as_str() {
            "worker_threads" => {
                if let Expr::Lit(literal) = &value
                    && !matches!(&literal.lit, Lit::Int(count) if count.base10_parse::<usize>().is_ok_and(|n| n > 0))
                {
                    sink.at(&value, "`worker_threads` is a whole number of at least 1: write `worker_threads = 4`");
                }
                options.worker_threads = Some(value);
                options.runtime.get_or_insert(name);
            }
            "flavor" => {
                options.current_thread = flavor(&value, sink);
                options.runtime.get_or_insert(name);
            }
            "crate" => {
                if !matches!(value, Expr::Path(_)) {
                    sink.at(
                        &value,
                        "`crate` takes the path of the `context` crate: write `crate = ::path`",
                    );
                }
            }
            _ => {
                let guess = match nearest(&text, OPTIONS) {
                    Some(near) => format!("did you mean `{near}`? "),
                    None => String::new(),
                };
                sink.at(
                    &name,
                    format!(
                        "unsupported `{ATTRIBUTE}` option `{text}`; {guess}supported options are: {}",
                        list(OPTIONS)
                    ),
                );
            }
        }
        seen.push(text);
    }
    options
}

fn flavor(value: &Expr, sink: &mut Sink) -> bool {
    if let Expr::Lit(literal) = value
        && let Lit::Str(text) = &literal.lit
    {
        match text.value().as_str() {
            "current_thread" => return true,
            "multi_thread" => return false,
            _ => {}
        }
    }
    sink.at(value, "`flavor` is \"multi_thread\" or \"current_thread\"");
    false
}

fn check_function(function: &Function, sink: &mut Sink) {
    let sig = &function.sig;
    if !sig.inputs.is_empty() {
        sink.at(
            &sig.inputs,
            format!("`{ATTRIBUTE}` takes no arguments; read them with `std::env::args()`"),
        );
    }
    if !sig.generics.params.is_empty() {
        sink.at(&sig.generics, format!("`{ATTRIBUTE}` cannot be generic; remove the parameters"));
    }
    let qualifiers: [Option<(TokenStream, &str)>; 3] = [
        sig.constness.as_ref().map(|token| (token.to_token_stream(), "const")),
        match &sig.safety {
            Safety::Unsafe(token) => Some((token.to_token_stream(), "unsafe")),
            _ => None,
        },
        sig.abi.as_ref().map(|abi| (abi.to_token_stream(), "extern")),
    ];
    for (token, name) in qualifiers.into_iter().flatten() {
        sink.at(token, format!("`{ATTRIBUTE}` cannot be `{name}`; remove `{name}`"));
    }
    for attr in function.attrs.iter().filter(|attr| is_other_main(attr)) {
        let other = attr.path().to_token_stream().to_string().replace(' ', "");
        sink.at(attr, format!("`{ATTRIBUTE}` starts the runtime itself; remove `#[{other}]`"));
    }
}

fn check_options(function: &Function, options: &Options, sink: &mut Sink) {
    if function.sig.asyncness.is_none()
        && let Some(option) = &options.runtime
    {
        sink.at(
            option,
            format!(
                "`{option}` is about the runtime, which only an `async fn` has; write `async fn`"
            ),
        );
    }
    if options.current_thread
        && let Some(threads) = &options.worker_threads
    {
        sink.at(threads, "`worker_threads` contradicts `flavor = \"current_thread\"`; remove one");
    }
}

fn is_other_main(attr: &Attribute) -> bool {
    let segments = &attr.path().segments;
    segments.len() == 2
        && segments[1].ident == "main"
        && ["tokio", "context", "async_std", "smol"].iter().any(|krate| segments[0].ident == krate)
}

fn expand(paths: &Paths, function: &Function, options: &Options) -> TokenStream {
    let private = &paths.private;
    let Function { attrs, vis, sig, body } = function;
    let output = &sig.output;
    let name = &sig.ident;
    let levels = attrs.iter().filter(|attr| attr.path().is_ident("allow"));
    let mut inner = sig.clone();
    inner.ident = Ident::new("__context_main", Span::call_site());
    let call = if sig.asyncness.is_some() {
        let threads = match &options.worker_threads {
            Some(count) => quote!(::core::option::Option::Some(#count)),
            None => quote!(::core::option::Option::None),
        };
        let current_thread = options.current_thread;
        quote! {
            #private::block_on_main(
                #private::MainOptions { worker_threads: #threads, current_thread: #current_thread },
                __context_main(),
            )
        }
    } else {
        quote!(#private::run_main(__context_main))
    };
    quote! {
        #(#attrs)*
        #vis fn #name() #output {
            #(#levels)*
            #inner #body
            #call
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_reported() {
        let expansion = run(
            quote!(worker_thread = 1, flavor = "current"),
            quote!(
                #[tokio::main]
                async fn main<T>(x: T) {}
            ),
        )
        .to_string();
        for message in [
            "did you mean `worker_threads`?",
            "`flavor` is",
            "takes no arguments",
            "cannot be generic",
            "remove `#[tokio::main]`",
        ] {
            assert!(expansion.contains(message), "{message}: {expansion}");
        }
    }
}
