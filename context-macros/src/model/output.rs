//! What a function returns, and therefore how its body runs.
//!
//! Types are read as they are written: a macro cannot look through an alias.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::{GenericArgument, PathArguments, ReturnType, Signature, Type, TypeParamBound};

use crate::tokens::mentions;

/// How a body runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    /// An `async fn`.
    Async,
    /// A plain `fn`.
    Blocking,
    /// A `fn` that returns a boxed future, as `#[async_trait]` makes them.
    Boxed,
    /// A `fn` that returns `impl Future`.
    Returned,
}

impl Driver {
    /// True if a run of the function is awaited.
    pub(crate) fn is_async(self) -> bool {
        self != Self::Blocking
    }
}

/// What a run results in.
#[derive(Clone)]
pub(crate) struct Output {
    /// The type; of the future's result if the function returns one.
    pub ty: TokenStream,
    /// True if the type cannot be named because an `impl Trait` is in it.
    pub opaque: bool,
    /// True for `!`.
    pub never: bool,
    /// True if the type's name is `Result`.
    pub fallible: bool,
    /// The `T` of a `Result<T, E>`, where it is written.
    pub value: Option<Type>,
    /// The `E` of a `Result<T, E>`, where it is written.
    pub error: Option<Type>,
}

/// Reads the return type.
pub(crate) fn output(sig: &Signature) -> (Driver, Output) {
    let ReturnType::Type(_, ty) = &sig.output else {
        let driver = if sig.asyncness.is_some() { Driver::Async } else { Driver::Blocking };
        return (
            driver,
            Output {
                ty: quote!(()),
                opaque: false,
                never: false,
                fallible: false,
                value: None,
                error: None,
            },
        );
    };
    let ty = ungrouped(ty);
    if sig.asyncness.is_some() {
        return (Driver::Async, described(ty));
    }
    match returned_future(ty) {
        Some((driver, output)) => (driver, described(&output)),
        None => (Driver::Blocking, described(ty)),
    }
}

fn described(ty: &Type) -> Output {
    let mut fallible = false;
    let (mut value, mut error) = (None, None);
    if let Type::Path(path) = ungrouped(ty)
        && let Some(last) = path.path.segments.last()
        && last.ident == "Result"
    {
        fallible = true;
        let mut arguments = type_arguments(&last.arguments).cloned();
        (value, error) = (arguments.next(), arguments.next());
    }
    Output {
        ty: ty.to_token_stream(),
        opaque: mentions(ty.to_token_stream(), "impl"),
        never: matches!(ungrouped(ty), Type::Never(_)),
        fallible,
        value,
        error,
    }
}

/// The result of the future that a type like `Pin<Box<dyn Future<Output = T>>>` stands for.
fn returned_future(ty: &Type) -> Option<(Driver, Type)> {
    match ungrouped(ty) {
        Type::ImplTrait(opaque) => Some((Driver::Returned, future_output(opaque.bounds.iter())?)),
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            let argument = type_arguments(&last.arguments).next();
            if last.ident == "BoxFuture" || last.ident == "LocalBoxFuture" {
                return Some((Driver::Boxed, argument?.clone()));
            }
            let Type::Path(boxed) = argument? else { return None };
            let boxed = boxed.path.segments.last()?;
            match type_arguments(&boxed.arguments).next()? {
                Type::TraitObject(object) if last.ident == "Pin" && boxed.ident == "Box" => {
                    Some((Driver::Boxed, future_output(object.bounds.iter())?))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn future_output<'a>(bounds: impl IntoIterator<Item = &'a TypeParamBound>) -> Option<Type> {
    bounds.into_iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else { return None };
        let last = bound.path.segments.last().filter(|last| last.ident == "Future")?;
        let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
        arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(assoc) if assoc.ident == "Output" => Some(assoc.ty.clone()),
            _ => None,
        })
    })
}

fn type_arguments(arguments: &PathArguments) -> impl Iterator<Item = &Type> {
    let arguments = match arguments {
        PathArguments::AngleBracketed(arguments) => Some(arguments.args.iter()),
        _ => None,
    };
    arguments.into_iter().flatten().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// The type without parentheses and the invisible groups of `$ty:ty`.
fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        Type::Paren(paren) => ungrouped(&paren.elem),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn read(sig: &Signature) -> (Driver, String, bool) {
        let (driver, output) = output(sig);
        (driver, output.ty.to_string(), output.fallible)
    }

    #[test]
    fn futures_that_a_plain_function_returns_are_seen() {
        let boxed = read(
            &parse_quote!(fn f() -> ::core::pin::Pin<Box<dyn Future<Output = u8> + Send + 'a>>),
        );
        assert_eq!(boxed, (Driver::Boxed, "u8".into(), false));
        let boxed = read(&parse_quote!(fn f() -> BoxFuture<'static, Result<u8, E>>));
        assert_eq!(boxed, (Driver::Boxed, "Result < u8 , E >".into(), true));
        let returned = read(&parse_quote!(fn f() -> impl Future<Output = ()> + Send));
        assert_eq!(returned, (Driver::Returned, "()".into(), false));
        assert_eq!(read(&parse_quote!(fn f() -> Pin<Box<u8>>)).0, Driver::Blocking);
    }

    #[test]
    fn the_error_type_is_found_where_it_is_written() {
        let (_, written) = output(&parse_quote!(fn f() -> std::result::Result<u8, Oops>));
        assert_eq!(
            written.error.map(|error| error.to_token_stream().to_string()),
            Some("Oops".into())
        );
        let (_, alias) = output(&parse_quote!(async fn f() -> anyhow::Result<u8>));
        assert!(alias.fallible && alias.error.is_none());
    }
}
